"""Servers as QEMU guests through libvirt: `driver.build` assembles it, one module per capability."""
