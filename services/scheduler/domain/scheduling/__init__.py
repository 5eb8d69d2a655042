"""Pure decisions: which hosts remain, and which of them is best. No I/O."""
