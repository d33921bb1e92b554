"""The demo: the whole project on one machine, without credentials; ``python -m scripts.demo run|up|down``."""
