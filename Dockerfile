# One image for `syncd run`: glibc, one process, no root, no shell, no package manager, a read-only root file system.
# How to build, run and watch it: docs/operations.md
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
# A bare Debian will do as BASE: its own Python is 3.11 too.
RUN python3 -c 'import ensurepip' 2>/dev/null \
    || (apt-get update && apt-get install -y --no-install-recommends python3 python3-venv)
RUN python3 -m venv /opt/syncd
WORKDIR /src
COPY requirements.txt .
# Compiled here, since nothing can be on a read-only file system; by hash, since a copy may not keep the files' times.
RUN /opt/syncd/bin/pip install --no-cache-dir --no-compile --require-hashes -r requirements.txt \
    && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/syncd/lib
COPY . .
RUN /opt/syncd/bin/pip install --no-cache-dir --no-compile --no-deps --no-build-isolation . \
    && /opt/syncd/bin/pip uninstall --quiet --yes pip \
    && cd /opt/syncd/lib/python3*/site-packages \
    && python3 -m compileall -q --invalidation-mode unchecked-hash syncd connectors sandbox
RUN mkdir -p /state && mkdir --mode 700 /state/syncd

FROM ${BASE} AS root
RUN python3 -c 'import sqlite3' 2>/dev/null \
    || (apt-get update && apt-get install -y --no-install-recommends python3)
COPY --from=build /opt/syncd /opt/syncd
# The image of Python comes without compiled files; its pip, and every command but Python itself, go.
RUN lib="$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" \
    && python3 -m compileall -q -j 0 -x '/(test|tests|lib2to3|idlelib|site-packages)/' \
        --invalidation-mode unchecked-hash "$lib" \
    && echo 'syncd:x:10001:10001::/var/lib/syncd:/usr/sbin/nologin' >> /etc/passwd \
    && echo 'syncd:x:10001:' >> /etc/group \
    && rm -rf "$lib/ensurepip" "$lib/site-packages" "$lib/test" /usr/lib/apt /etc/apt /var/lib/apt /var/cache/* \
        /var/log/* /tmp/* /root/* /usr/share/doc /usr/share/man /usr/share/locale \
    && find /usr/bin /usr/sbin /usr/local/bin /usr/local/sbin ! -type d ! -name 'python3*' -delete

# From nothing: what was removed above is in no layer either.
FROM scratch
COPY --from=root / /
COPY --from=build --chown=10001:10001 /state /var/lib
ENV PATH=/opt/syncd/bin:/usr/local/bin:/usr/bin \
    LANG=C.UTF-8 \
    HOME=/tmp \
    SYNCD_CONFIG=/etc/syncd/config.yaml \
    PYTHONDONTWRITEBYTECODE=1
LABEL org.opencontainers.image.title="syncd"
USER 10001:10001
WORKDIR /var/lib/syncd
VOLUME /var/lib/syncd
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s CMD ["python", "-c", "import urllib.request as u; u.build_opener(u.ProxyHandler({})).open('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["syncd"]
CMD ["run", "--config", "/etc/syncd/config.yaml"]
