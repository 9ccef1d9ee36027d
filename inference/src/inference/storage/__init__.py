"""Object stores: copies of models in the models folder, and what else lies in a bucket."""
