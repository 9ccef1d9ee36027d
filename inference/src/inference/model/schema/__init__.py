"""Parts of the contract's schema; :mod:`inference.model.contract` has the whole."""
