"""Cars: ten body types, each made from curves and a few dozen numbers."""

from likewise.scenes.cars.car import car
from likewise.scenes.cars.models import CARS
from likewise.scenes.cars.spec import CarSpec, Wheels

__all__ = ["CARS", "CarSpec", "Wheels", "car"]
