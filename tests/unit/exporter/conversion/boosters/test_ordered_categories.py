"""Categories in an order, which LightGBM compares by their places in it."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest

from exporter.errors import ConversionError
from support.conversion.asked_models import ask_both


def test_says_that_categories_have_an_order() -> None:
    sizes = pd.Categorical(np.tile(["s", "m", "l"], 40), ["s", "m", "l"], ordered=True)
    x = pd.DataFrame({"a": np.arange(120.0) % 7, "size": sizes})
    model = lgb.LGBMRegressor(n_estimators=3, verbose=-1, min_child_samples=5)
    model.fit(x, x["size"].cat.codes + x["a"])
    with pytest.raises(ConversionError, match="categories in an order"):
        ask_both(model, x)
