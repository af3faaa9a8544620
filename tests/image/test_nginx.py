"""nginx: HTTP/2, the user and the folders that dokku expects, no page of its own."""

import re

import pytest

from tests.image.copy import Copy

HTTP2 = """
set -e
site=/etc/nginx/conf.d/bakery-test.conf
trap 'rm -rf $site /run/bakery-test && systemctl reload nginx' EXIT
mkdir -p /run/bakery-test
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=http2.test \
  -keyout /run/bakery-test/key -out /run/bakery-test/cert 2>/dev/null
cat >$site <<END
server {
  %s
  server_name http2.test;
  ssl_certificate /run/bakery-test/cert;
  ssl_certificate_key /run/bakery-test/key;
  location / { return 200 "\\$server_protocol \\$ssl_protocol\\n"; }
}
END
systemctl reload nginx
curl --silent --show-error --fail --retry 20 --retry-connrefused --retry-delay 1 --http2 \
  --cacert /run/bakery-test/cert --resolve http2.test:8443:127.0.0.1 --write-out '%%{http_version}\\n' https://http2.test:8443/
"""


def version(copy: Copy) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", copy.facts["nginx_version"].text)[:3]))


@pytest.mark.throwaway
def test_nginx_answers_in_http2_over_tls(first: Copy) -> None:
    # `http2 on` is the way since 1.25.1: nginx.org/en/docs/http/ngx_http_v2_module.html
    listen = "listen 8443 ssl; http2 on;" if version(first) >= (1, 25, 1) else "listen 8443 ssl http2;"
    assert first.run(HTTP2 % listen).split() == ["HTTP/2.0", "TLSv1.3", "2"]


def test_nginx_runs_and_starts_at_boot(each: Copy) -> None:
    assert each.units["nginx.service"] == ("active", "enabled")


def test_nginx_works_as_www_data(each: Copy) -> None:
    assert {line.split()[1] for line in each.facts["nginx_users"].lines} == {"root", "www-data"}


def test_nginx_reads_sites_and_modules(each: Copy) -> None:
    config = each.facts["nginx_config"]
    assert config.code == 0
    for include in ("modules-enabled/*.conf", "conf.d/*.conf", "sites-enabled/*"):
        assert re.search(rf"^\s*include /etc/nginx/{re.escape(include)};", config.text, flags=re.MULTILINE)


def test_nginx_has_no_welcome_page(each: Copy) -> None:
    assert "Welcome to nginx" not in each.facts["nginx_config"].text
    for page in ("sites-enabled/default", "conf.d/default.conf"):
        assert f"configuration file /etc/nginx/{page}" not in each.facts["nginx_config"].text


def test_nginx_keeps_two_weeks_of_logs(each: Copy) -> None:
    rotation = each.facts["nginx_logrotate"].text
    assert re.search(r"^\s*rotate 14$", rotation, flags=re.MULTILINE)
    assert re.search(r"^\s*daily$", rotation, flags=re.MULTILINE)
    assert each.units["logrotate.timer"] == ("active", "enabled")
