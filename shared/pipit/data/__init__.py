"""Public data sets and pretrained networks, fetched from where their authors keep them and checked on arrival."""
