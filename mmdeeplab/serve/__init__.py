"""A page to try a trained network in a browser, and the HTTP interface behind it."""
