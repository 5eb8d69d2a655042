"""Hypervisors behind one record of small capabilities."""

from oslo_config import cfg

from services.compute.drivers import base


def load_driver(conf: cfg.ConfigOpts, fetch_image: base.ImageFetcher) -> base.Driver:
    """x"""
    if conf.compute.driver == "libvirt":
        from services.compute.drivers.libvirt import driver

        return driver.build(conf.libvirt, fetch_image)
    from services.compute.drivers import simulated

    return simulated.build(conf.simulated, fetch_image)
