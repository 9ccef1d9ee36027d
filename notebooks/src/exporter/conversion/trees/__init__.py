"""Converters of trees that keep each library's own rule.

scikit-learn's trees compare the input rounded to float32 with a threshold in double; histogram
gradient boosting compares doubles. Both add what the leaves hold in double, tree after tree. A
graph of either precision does the same here: the input is cast as the library casts it, a tree
ensemble finds the leaf of each tree, and what the leaves hold is looked up and added in double.
"""
