variable "source_image" {
  type        = string
  description = "The image to begin with: an id of this zone, or a label of Scaleway's marketplace."
  default     = "00000000-0000-4000-8000-000000000001"
}

variable "manifest_file" {
  type        = string
  description = "Where Packer notes the new image's id."
}

# Credentials come from the environment: SCW_ACCESS_KEY, SCW_SECRET_KEY and SCW_DEFAULT_PROJECT_ID.
source "scaleway" "image" {
  zone            = "fr-par-1"
  image           = var.source_image
  commercial_type = "DEV1-S"
  image_name      = "dokku-bakery/dokku/20260110-0415-0123456789ab/amd64"
  server_name     = "bake-dokku-20260110-0415-0123456789ab"
  boottype        = "local"
  remove_volume   = true

  # This Packer's builder makes snapshots of a machine's own disk alone, and knows neither user-data nor tags: the image
  # is tagged afterwards.
  snapshot_name = "dokku-bakery/dokku/20260110-0415-0123456789ab/amd64"

  # It makes a key of its own, since only such a one comes into a tag of the server, where cloud-init finds it.
  temporary_key_pair_type = "ed25519"

  ssh_port     = 22
  ssh_username = "root"
  ssh_timeout  = "30m"

  # A machine may accept connections before cloud-init has brought the key: every such attempt counts.
  ssh_handshake_attempts = 1000
}
