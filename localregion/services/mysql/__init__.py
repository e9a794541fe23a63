"""MySQL DB systems, with HeatWave."""
