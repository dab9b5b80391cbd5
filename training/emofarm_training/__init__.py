"""Training recipe of the emofarm demo model: drawn talking portraits, network, stages, export."""
