#!/usr/bin/python
"""Says a word loudly, as many modules in libraries do: with a file of module_utils beside the playbook."""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.louder import louder


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "word": {"type": "str", "required": True},
            "secret": {"type": "str", "no_log": True},
            "how": {"choices": ["well", "badly", "crash"], "default": "well"},
        },
        supports_check_mode=True,
    )
    if module.params["how"] == "crash":
        raise ValueError("lost its voice")
    if module.params["how"] == "badly":
        module.fail_json(msg="hoarse", rc=3, word=module.params["word"])
    module.warn("it is loud")
    module.exit_json(
        changed=True, said=louder(module.params["word"]), heard=module.params["secret"], ansible_facts={"shouted": True}
    )


if __name__ == "__main__":
    main()
