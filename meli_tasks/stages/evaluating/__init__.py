"""The parts of the stage evaluate: which titles, what each model makes of them, and the figures from that."""
