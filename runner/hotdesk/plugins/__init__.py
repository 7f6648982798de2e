"""What stands for the classes of Ansible's controller that plugins derive from; ``variables.plugin_imports`` says for which.

Names of methods and attributes are Ansible's, since the plugins of users and collections use them:
https://docs.ansible.com/ansible-core/2.19/dev_guide/developing_plugins.html
"""
