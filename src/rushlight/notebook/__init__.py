"""What notebooks show of tensors, modules, results and programs, and how they are told.

Each class has a method `_repr_html_`, which loads its page from here when a notebook asks. The pages know
nothing of the classes but what they read of the objects, so that they stand below all of them. They set no
colour of text or ground: both are the notebook's, light or dark.
"""
