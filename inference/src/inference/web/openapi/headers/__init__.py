"""What any route may have in its headers, in the OpenAPI document: keys, numbers of states."""
