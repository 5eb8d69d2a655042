# One image for every daemon, one for what the daemons need, and one for a real hypervisor's host.
#   docker build --target altostack -t altostack .
# See docker-compose.yml, and docs/operator.md. Packages and libraries stand below the code, so that changed code builds fast.
ARG BASE=debian:bookworm-slim
FROM ${BASE} AS system
ARG DEBIAN_FRONTEND=noninteractive
# no daemon is started by its package
RUN printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d \
    && apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates iproute2 openssl procps python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --home-dir /var/lib/altostack --shell /usr/sbin/nologin --user-group altostack \
    && install -d -o altostack -g altostack /var/lib/altostack /var/log/altostack \
    && install -d /etc/altostack
# what serve.sh makes of /etc/altostack, for commands in a container that runs (docker-compose exec scheduler altostack status)
ENV ALTOSTACK_CONFIG_DIR=/run/altostack/etc
WORKDIR /opt/altostack/src

FROM system AS altostack
ARG DEBIAN_FRONTEND=noninteractive
RUN apt-get update && apt-get install -y --no-install-recommends novnc python3-venv qemu-utils \
    && rm -rf /var/lib/apt/lists/*
COPY setup.cfg pyproject.toml constraints.txt README.md LICENSE ./
RUN python3 -m venv /opt/altostack/venv \
    && python3 -c "import configparser as c; p = c.ConfigParser(); p.read('setup.cfg'); \
print(p['options']['install_requires'] + p['options.extras_require']['all'])" > /tmp/libraries.txt \
    && /opt/altostack/venv/bin/pip install -q --no-cache-dir -c constraints.txt -r /tmp/libraries.txt
COPY . .
RUN /opt/altostack/venv/bin/pip install -q --no-cache-dir --no-deps . \
    && ln -s /opt/altostack/venv/bin/altostack /opt/altostack/venv/bin/openstack /usr/local/bin/
ENTRYPOINT ["/opt/altostack/src/devstack/containers/serve.sh"]

FROM system AS backends
ARG DEBIAN_FRONTEND=noninteractive
RUN apt-get update && apt-get install -y --no-install-recommends mariadb-server rabbitmq-server memcached \
    && rm -rf /var/lib/apt/lists/*
COPY etc etc
COPY devstack devstack
ENTRYPOINT ["/opt/altostack/src/devstack/containers/backend.sh"]

FROM system AS hypervisor
ARG DEBIAN_FRONTEND=noninteractive
RUN apt-get update && apt-get install -y --no-install-recommends libvirt-daemon libvirt-daemon-system libvirt-clients \
        python3-libvirt qemu-system-x86 qemu-utils qemu-block-extra genisoimage dosfstools nftables dnsmasq-base conntrack \
        bridge-utils iputils-arping radvd iptables kmod tgt \
    && rm -rf /var/lib/apt/lists/*
COPY --from=altostack /opt/altostack /opt/altostack
RUN ln -s /opt/altostack/venv/bin/altostack /usr/local/bin/ \
    && ln -s /usr/lib/python3/dist-packages/libvirt*.py /usr/lib/python3/dist-packages/libvirt*mod*.so \
        /opt/altostack/venv/lib/python3.11/site-packages/
ENTRYPOINT ["/opt/altostack/src/devstack/containers/hypervisor.sh"]
