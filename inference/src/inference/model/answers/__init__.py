"""The kinds of answer: what each needs in the contract, and which outputs of the graph hold it."""
