"""The demo: the whole project on one machine, without credentials; ``python -m include.demo run|up|down``."""
