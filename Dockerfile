# One image for every daemon; two more targets stand on it: what the daemons need, and a real hypervisor's host.
#   docker build --target altostack -t altostack .
# See docker-compose.yml, and docs/operator.md.
ARG BASE=debian:bookworm-slim
FROM ${BASE} AS altostack
ARG DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates iproute2 novnc openssl procps python3 python3-venv qemu-utils \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --home-dir /var/lib/altostack --shell /usr/sbin/nologin --user-group altostack \
    && install -d -o altostack -g altostack /var/lib/altostack /var/log/altostack \
    && install -d /etc/altostack
WORKDIR /opt/altostack/src
# what seldom changes first: the libraries are a layer of their own
COPY setup.cfg pyproject.toml constraints.txt README.md LICENSE ./
RUN python3 -m venv /opt/altostack/venv \
    && python3 -c "import configparser as c; p = c.ConfigParser(); p.read('setup.cfg'); \
print(p['options']['install_requires'] + p['options.extras_require']['all'])" > /tmp/libraries.txt \
    && /opt/altostack/venv/bin/pip install -q --no-cache-dir -c constraints.txt -r /tmp/libraries.txt
COPY . .
RUN /opt/altostack/venv/bin/pip install -q --no-cache-dir --no-deps . \
    && ln -s /opt/altostack/venv/bin/altostack /opt/altostack/venv/bin/openstack /usr/local/bin/
ENTRYPOINT ["/opt/altostack/src/devstack/containers/serve.sh"]

FROM altostack AS backends
ARG DEBIAN_FRONTEND=noninteractive
# no daemon is started by its package
RUN printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d \
    && apt-get update && apt-get install -y --no-install-recommends mariadb-server rabbitmq-server memcached \
    && rm -rf /var/lib/apt/lists/*
ENTRYPOINT ["/opt/altostack/src/devstack/containers/backend.sh"]

FROM altostack AS hypervisor
ARG DEBIAN_FRONTEND=noninteractive
RUN printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d \
    && apt-get update && apt-get install -y --no-install-recommends libvirt-daemon libvirt-daemon-system libvirt-clients \
        python3-libvirt qemu-system-x86 qemu-block-extra genisoimage dosfstools nftables dnsmasq-base conntrack bridge-utils \
        iputils-arping radvd iptables kmod \
    && rm -rf /var/lib/apt/lists/* \
    && ln -s /usr/lib/python3/dist-packages/libvirt*.py /usr/lib/python3/dist-packages/libvirt*mod*.so \
        /opt/altostack/venv/lib/python3.11/site-packages/
ENTRYPOINT ["/opt/altostack/src/devstack/containers/hypervisor.sh"]
