"""The pages and figures that the daemon serves; everything else about the daemon is left to syncd.daemon."""
