"""A `git push` over SSH, as whoever deploys does it, of what an older Docker builds only when it is told how."""

import pytest

from tests.image import apps
from tests.image.copy import Copy

pytestmark = [pytest.mark.dokku, pytest.mark.throwaway]
NAME = "pushed"
# A step of the app's own nginx, since that is all there is in its image.
DOCKERFILE = f"""FROM {apps.IMAGE}
RUN --mount=type=cache,target=/cache ["/usr/sbin/nginx", "-v"]"""


def test_a_push_that_only_buildkit_can_build_is_deployed(first: Copy) -> None:
    apps.make_image(first)
    said = first.run(
        f"""
        set -e
        folder=$(mktemp -d)
        ssh-keygen -q -t ed25519 -N '' -f $folder/key
        cat $folder/key.pub | dokku ssh-keys:add {NAME} >/dev/null
        dokku apps:create {NAME} >/dev/null
        dokku domains:set {NAME} {NAME}.test >/dev/null
        dokku checks:disable {NAME} >/dev/null
        dokku ports:set {NAME} http:80:{apps.PORT} >/dev/null
        git init --quiet --initial-branch=master $folder/code && cd $folder/code
        cat >Dockerfile <<'END'
{DOCKERFILE}
END
        git add Dockerfile
        git -c user.name=one -c user.email=one@example.com commit --quiet --message=one
        quiet='-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o BatchMode=yes'
        export GIT_SSH_COMMAND="ssh -i $folder/key $quiet -o IdentitiesOnly=yes"
        git push dokku@127.0.0.1:{NAME} master 2>&1 || true
        {apps.ask(NAME)}
        cd / && dokku ssh-keys:remove {NAME} >/dev/null && rm -r $folder
        dokku apps:destroy {NAME} --force >/dev/null 2>&1
        docker rmi {apps.IMAGE} >/dev/null 2>&1 || true
        """
    )
    assert said.splitlines()[-1].startswith("app at 172."), said
