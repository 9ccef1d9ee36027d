"""Files without a contract: what their graphs say of themselves."""
