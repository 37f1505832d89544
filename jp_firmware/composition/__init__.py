"""The charger put together: what joins its rooms, beside the drawing in `controller.py`."""
