"""A Scaleway on this machine, to rehearse with: what the SDK's types say of requests and answers, and states in memory.

Nothing here is Scaleway, and nothing that comes out of it may be taken for it.
"""
