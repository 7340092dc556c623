"""The products: 36 articles of 12 kinds, each a class with a fixed shape, colours and pattern."""

from likewise.scenes.products.cups import CUPS
from likewise.scenes.products.lamps import LAMPS
from likewise.scenes.products.pots import POTS
from likewise.scenes.products.product import Product
from likewise.scenes.products.seats import SEATS
from likewise.scenes.products.vessels import VESSELS
from likewise.scenes.products.wear import WEAR

PRODUCTS: dict[str, Product] = {
    product.name: product for group in (CUPS, POTS, VESSELS, LAMPS, SEATS, WEAR) for product in group
}

__all__ = ["PRODUCTS", "Product"]
