"""The documentation's site: `make docs` builds it from docs/docsite/ and from what the code says of itself."""

# What is in it is the collection's version; nothing is looked up in the network.
project = "okestack.oci"
author = copyright = "The okestack.oci maintainers"
title = html_title = html_short_title = "okestack.oci"
extensions = ["sphinx.ext.intersphinx", "sphinx_antsibull_ext"]
html_theme = "sphinx_ansible_theme"
html_theme_options = {"display_version": False, "collapse_navigation": True}
html_static_path = ["static"]
html_css_files = ["dark.css"]
html_show_sphinx = False
html_copy_source = False
html_use_index = False
pygments_style = "ansible"
highlight_language = "YAML+Jinja"
# Labels of Ansible's own documentation, which the generated pages point at; docs/make_pages.py writes the file.
intersphinx_mapping = {"ansible": ("https://docs.ansible.com/projects/ansible/latest/", "../ansible.inv")}
intersphinx_disabled_reftypes: list[str] = []
