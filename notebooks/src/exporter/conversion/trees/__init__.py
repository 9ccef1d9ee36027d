"""Converters of trees that compare and add exactly like each library.

scikit-learn's trees compare the input rounded to float32 with a threshold in double; histogram
gradient boosting compares doubles. Both add the leaves' values in double, tree after tree. The
graph does the same in either precision: it casts the input like the library, finds the leaf of each
tree with a tree ensemble, looks up the leaves' values and adds them in double.
"""
