"""Sparse files exported over iSCSI by tgtd: works on any file system and needs no kernel module.

`tgt.py` speaks to tgtd, `exports.py` remembers who was granted what, `driver.py` joins them with files.
"""
