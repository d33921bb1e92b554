"""Every refusal of setup in one list: each names the object in AEP, what it has, what it should have, and who acts.

The texts are whole, so that this file can be read as a person reads the messages. ``read_state`` is replaced by states that
are written here; ``tests/aep/setup/test_setup.py`` provokes the same refusals in the sandbox.
"""

from __future__ import annotations

import ast
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from include.aep.load_id import PIPELINE_TAG, SOURCE_TAG
from include.aep.ownership import Ownership
from include.aep.setup import field_group as files
from include.errors import PipelineError
from tests.aep.setup.refused_setups import (
    ENABLED,
    GROUP,
    OTHER,
    OWN,
    PERSON,
    USER,
    TwoDatasets,
    applied,
    dataset,
    existing,
    marked,
    own_group,
    part,
    planned,
    read,
    state,
    tenant,
)
from tests.support.builders import STRING, array_of

pytestmark = pytest.mark.unit
SETUP = Path(files.__file__).parent


@dataclass(frozen=True)
class Refusal:
    """``run`` is refused with ``text``."""

    run: Callable[[], object]
    text: str


NUMBER = {"type": "integer"}
LIST: dict[str, Refusal] = {
    "a right is missing": Refusal(
        applied,
        (
            "AEP did not permit this credential to create identity namespace X: it needs the permission "
            "'Manage Identity Namespaces'. 0 of 2 changes were made. AEP answered 403. In AEP, under "
            "Permissions, an administrator must add 'Manage Identity Namespaces' to a role of the credential."
            " Then run setup again; it continues with the missing changes."
        ),
    ),
    "two datasets of one name": Refusal(
        lambda: TwoDatasets().find_dataset("Events"),
        (
            "AEP has 2 datasets named 'Events': d1, d2. Write the id of the correct one in aep.dataset, or "
            "ask a user with the permission Manage Datasets to rename the others in AEP."
        ),
    ),
    "a tag with two values": Refusal(
        lambda: Ownership("shop").require_owner(dataset({PIPELINE_TAG: ["a", "b"]})),
        (
            "Tag mixpanel-aep/pipeline of dataset 'Events' has the values ['a', 'b'], but it must have "
            "exactly one. A user with the permission Manage Datasets must remove the wrong values in AEP. "
            "Nothing was changed."
        ),
    ),
    "a dataset of another pipeline": Refusal(
        lambda: Ownership("shop").require_retagging(dataset({PIPELINE_TAG: ["web"]}), None),
        (
            "Dataset 'Events' belongs to pipeline web (its tag mixpanel-aep/pipeline); setup would reassign "
            "it to pipeline shop. If web was renamed to shop, write formerly: web below aep in shop.yaml and "
            "run setup; until then runs add rows but replace none. Otherwise give pipeline shop its own "
            "dataset. Nothing was changed."
        ),
    ),
    "a dataset of another pipeline that exists": Refusal(
        lambda: Ownership("shop", None, None, frozenset(["web"])).require_owner(
            dataset({PIPELINE_TAG: ["web"]})
        ),
        (
            "Dataset 'Events' belongs to pipeline web (its tag mixpanel-aep/pipeline), not to pipeline shop. "
            "Give pipeline shop its own dataset. If web was renamed, remove web.yaml."
        ),
    ),
    "a dataset of another project": Refusal(
        lambda: Ownership("shop", None, "us/1").require_owner(dataset({SOURCE_TAG: ["us/2"]})),
        (
            "Dataset 'Events' is loaded from Mixpanel project us/2 (its tag mixpanel-aep/source), but "
            "pipeline shop reads project us/1. Correct the Mixpanel connection, or give the pipeline its own "
            "dataset. Nothing was changed."
        ),
    ),
    "a dataset id that AEP does not have": Refusal(
        planned(state(), dataset="0123456789abcdef01234567"),
        (
            "AEP has no dataset with the id 0123456789abcdef01234567 (aep.dataset) in the AEP sandbox of "
            "connection aep_default. Correct aep.dataset: the page of a dataset in AEP shows its id. If the "
            "dataset is in another AEP sandbox, correct extra aep_sandbox of the connection. To let setup "
            "create a dataset, write its name in aep.dataset, not an id."
        ),
    ),
    "a dataset of another schema": Refusal(
        planned(existing(dataset=dataset(schema_id="https://ns.adobe.com/acme/schemas/2"))),
        (
            "Dataset 'Events' has another schema than 'Events': https://ns.adobe.com/acme/schemas/2, but "
            "aep.schema is https://ns.adobe.com/acme/schemas/1. The schema of a dataset can never be changed."
            " Write the dataset's schema in aep.schema, by title or $id, or set another dataset in "
            "aep.dataset. Nothing was changed."
        ),
    ),
    "a dataset, but no schema": Refusal(
        planned(state(dataset=dataset())),
        (
            "Dataset 'Events' has another schema than 'Events': https://ns.adobe.com/acme/schemas/1, but "
            "aep.schema is a schema that AEP does not have. The schema of a dataset can never be changed. "
            "Write the dataset's schema in aep.schema, by title or $id, or set another dataset in "
            "aep.dataset. Nothing was changed."
        ),
    ),
    "no schema": Refusal(
        planned(state(), field_groups=[]),
        (
            "AEP has no schema 'Events'. Setup cannot create it, because the file of pipeline shop lists no "
            "field groups. If the schema exists in AEP, correct its title in aep.schema. To let setup create "
            "it, list titles of AEP's field groups in aep.field_groups, or write the name of a file of "
            "include/pipelines/field_groups in aep.field_group."
        ),
    ),
    "a title in use": Refusal(
        planned(state(titles={"Events": ("datatypes", "classes")})),
        (
            "The title 'Events' is in use: AEP requires unique titles across schemas, field groups, data "
            "types and classes, and a data type and a class has it. Choose another title in aep.schema or in "
            "the field group file, or ask a user with the permission Manage Schemas in AEP to rename the "
            "other object."
        ),
    ),
    "one title for schema and field group": Refusal(
        planned(state(), group={**OWN, "title": "Events"}),
        (
            "The title 'Events' is in use: AEP requires unique titles across schemas, field groups, data "
            "types and classes, and the field group file of the same pipeline has it. Choose another title in"
            " aep.schema or in the field group file, or ask a user with the permission Manage Schemas in AEP "
            "to rename the other object."
        ),
    ),
    "no field group": Refusal(
        planned(state(field_group_ids={"Ours": ()})),
        (
            "AEP has no field group 'Ours', which is in aep.field_groups. Write the title as shown in AEP's "
            "schema editor, or the $id. Adobe's own field groups are in every AEP sandbox; a company's own "
            "field group is created there by a user with the permission Manage Schemas."
        ),
    ),
    "two field groups": Refusal(
        planned(
            state(field_group_ids={"Ours": (GROUP, OTHER)}, parts={**state().parts, OTHER: part("Ours", {})})
        ),
        (
            "AEP has 2 field groups named 'Ours': https://ns.adobe.com/acme/mixins/1, "
            "https://ns.adobe.com/acme/mixins/2. Write the $id of the correct one in aep.field_groups."
        ),
    ),
    "a field group of profiles": Refusal(
        planned(state(parts={**state().parts, GROUP: part("Ours", {}, PERSON)})),
        (
            "Field group 'Ours' is intended for https://ns.adobe.com/xdm/context/profile, but the schema to "
            "be created has the class https://ns.adobe.com/xdm/context/experienceevent. Write a field group "
            "for that class in aep.field_groups, or give the field group file of aep.field_group another "
            "title. A user with the permission Manage Schemas can also extend one of the company's own field "
            "groups to the class in AEP; Adobe's cannot be changed."
        ),
    ),
    "field groups that conflict": Refusal(
        planned(
            state(
                field_group_ids={"Ours": (GROUP,), "Theirs": (OTHER,)},
                parts={**state().parts, OTHER: part("Theirs", tenant(user=NUMBER))},
            ),
            field_groups=["Ours", "Theirs"],
        ),
        (
            "Field group 'Theirs' conflicts with the other parts of the schema to be created: Two parts of "
            "the schema contradict each other at _acme.mixpanel.user: no value can satisfy both in type. "
            "Remove the field group from aep.field_groups or aep.field_group. A user with the permission Manage Schemas "
            "can correct the company's own field groups in AEP; Adobe's cannot be changed."
        ),
    ),
    "an own field group of profiles": Refusal(
        planned(
            state(
                group=own_group() | {"meta:intendedToExtend": [PERSON]},
                parts={**state().parts, OTHER: part("Own", {}, PERSON)},
            ),
            group=OWN,
        ),
        (
            "Field group 'Own' is intended for https://ns.adobe.com/xdm/context/profile, but the schema to be"
            " created has the class https://ns.adobe.com/xdm/context/experienceevent. Write a field group for"
            " that class in aep.field_groups, or give the field group file of aep.field_group another title. "
            "A user with the permission Manage Schemas can also extend one of the company's own field groups "
            "to the class in AEP; Adobe's cannot be changed."
        ),
    ),
    "an own field group without the tenant": Refusal(
        planned(
            state(group={"$id": OTHER, "title": "Own"}, parts={**state().parts, OTHER: part("Own", {})}),
            group=OWN,
        ),
        (
            "Field group 'Own' has no fields below _acme in AEP, which a pipeline's own field group requires."
            " Give the field group file another title: setup then creates a new field group. The existing one"
            " is not changed."
        ),
    ),
    "an own field group that would change": Refusal(
        planned(
            state(
                group=own_group(user=NUMBER), parts={**state().parts, OTHER: part("Own", tenant(user=NUMBER))}
            ),
            group=OWN,
        ),
        (
            "Field group 'Own' can only be extended in AEP, but own.json changes it: mixpanel.user is int in "
            "AEP and cannot become string. Keep the old fields in the file, and add fields with new names for"
            " the changes."
        ),
    ),
    "no file": Refusal(
        read(None),
        (
            "File own.json does not exist in include/pipelines/field_groups. Correct aep.field_group, or add "
            "the file."
        ),
    ),
    "a file that is not a field group": Refusal(
        read("[]"), ('own.json is not a field group. Use the form {"title": …, "properties": {…}}.')
    ),
    "a file with a bad name": Refusal(
        read('{"title": "Own", "properties": {"1st": {"type": "string"}}}'),
        (
            "own.json has field names that AEP refuses: '1st'. A name begins with a letter and contains "
            "letters, digits, dashes and underscores. The file's properties do not include the tenant or the "
            "title."
        ),
    ),
    "a namespace like another": Refusal(
        planned(state(), identities={"$user_id": "ecid"}),
        (
            "AEP has no identity namespace 'ecid', but it has 'ECID'. A namespace can never be deleted. Write"
            " identities: {$user_id: ECID}. To create a new namespace, write aep.new_namespaces: [ecid]."
        ),
    ),
    "several at once": Refusal(
        planned(state(field_group_ids={"Ours": ()}), identities={"$user_id": "ecid"}),
        (
            "AEP has no field group 'Ours', which is in aep.field_groups. Write the title as shown in AEP's "
            "schema editor, or the $id. Adobe's own field groups are in every AEP sandbox; a company's own "
            "field group is created there by a user with the permission Manage Schemas. AEP has no identity "
            "namespace 'ecid', but it has 'ECID'. A namespace can never be deleted. Write identities: "
            "{$user_id: ECID}. To create a new namespace, write aep.new_namespaces: [ecid]. Correct all 2 "
            "errors in this message, then run setup again. Nothing was changed in AEP."
        ),
    ),
    "an identity in a number": Refusal(
        planned(existing(fields=tenant(user=NUMBER))),
        (
            "Mapping 1 maps the identity $user_id to _acme.mixpanel.user, which is of type int; AEP accepts "
            "identities in string fields only. Add a mapping of $user_id to a string field outside arrays, "
            "which becomes the identity; the mapping to the int field can stay. Or remove $user_id from "
            "identities."
        ),
    ),
    "an identity in an array": Refusal(
        planned(
            existing(fields=tenant(user=array_of(STRING))),
            [{**USER, "destination": "_{TENANT_ID}.mixpanel.user[0]"}],
        ),
        (
            "Mapping 1 maps the identity $user_id to _acme.mixpanel.user[0], which is inside an array or a "
            "map; an identity needs a field that an event has exactly once. Add a mapping of $user_id to a "
            "string field outside arrays, which becomes the identity; the mapping to an array or a map can "
            "stay. Or remove $user_id from identities."
        ),
    ),
    "a mapping without its field": Refusal(
        planned(existing(), [{**USER, "destination": "_{TENANT_ID}.mixpanel.users"}]),
        (
            "Mapping shop.json does not fit schema 'Events': mapping 1: the schema has no field "
            "_acme.mixpanel.users; nearest is _acme.mixpanel.user."
        ),
    ),
    "a dataset of Profile and profile false": Refusal(
        planned(existing(dataset=dataset(ENABLED)), profile=False),
        (
            "Dataset 'Events' is enabled for Profile (its tag unifiedProfile), but the pipeline file has "
            "profile: false. Remove aep.profile or set it to true, or set another dataset in aep.dataset. A "
            "user with the permission Manage Datasets can also disable the dataset for Profile in AEP."
        ),
    ),
    "no primary identity": Refusal(
        planned(existing(), profile=True),
        (
            "Profile needs a primary identity in every event, but schema 'Events' has no primary identity "
            "field and no field group IdentityMap. Add IdentityMap to aep.field_groups, or set "
            "aep.primary_identity to an entry of identities that every event has and that is mapped to a "
            "string field."
        ),
    ),
    "a primary identity without a field": Refusal(
        planned(existing(), [], primary_identity="$user_id"),
        (
            "aep.primary_identity is $user_id, but no mapping maps $user_id to a separate field in schema "
            "'Events'. Map $user_id to a string field of the schema, or remove aep.primary_identity: "
            "identityMap then contains the primary identity."
        ),
    ),
    "a primary identity in another namespace": Refusal(
        planned(existing(descriptors=marked(primary=False)), primary_identity="$user_id"),
        (
            "Field /_acme/mixpanel/user of schema 'Events' is already an identity of namespace CRMID, but not"
            " the primary identity, as aep.primary_identity requires. Remove aep.primary_identity, or ask a "
            "user with the permission Manage Identity Metadata to make the field the primary identity in "
            "AEP's schema editor."
        ),
    ),
    "a primary identity in a schema of Profile": Refusal(
        planned(existing(union=True), primary_identity="$user_id"),
        (
            "Schema 'Events' is enabled for Profile with the primary identity in identityMap. With "
            "/_acme/mixpanel/user as its primary identity, events of other datasets would have no primary "
            "identity. Remove aep.primary_identity, or give the pipeline its own schema."
        ),
    ),
}


@pytest.mark.parametrize("name", LIST)
def test_a_refusal_is_written_for_people_who_do_not_know_the_code(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "FIELD_GROUPS", tmp_path)
    with pytest.raises(PipelineError) as refused:
        LIST[name].run()
    assert str(refused.value) == LIST[name].text


def test_the_list_has_every_refusal_of_setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "FIELD_GROUPS", tmp_path)
    there, seen = set(), set()
    for path in SETUP.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Raise)
                and isinstance(node.exc, ast.Call)
                and "NotImpl" not in ast.dump(node)
            ):
                there |= {(path.name, node.lineno)}
    for refusal in LIST.values():
        with pytest.raises(PipelineError) as refused:
            refusal.run()
        frames = traceback.extract_tb(refused.value.__traceback__)
        seen |= {(Path(frame.filename).name, frame.lineno) for frame in frames}
    assert there - seen == set()
