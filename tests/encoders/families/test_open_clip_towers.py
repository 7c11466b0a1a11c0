"""Names of image towers against open_clip's own configurations."""

import json
from dataclasses import asdict

import open_clip
from open_clip.model import CLIPVisionCfg

from lookalike.encoders.families.open_clip_towers import SAME_TOWER, tower_name


def test_two_names_have_one_tower_exactly_when_their_configurations_have() -> None:
    towers: dict[str, set[str]] = {}
    names: dict[str, set[str]] = {}
    for architecture in open_clip.list_models():
        config = open_clip.get_model_config(architecture)
        vision = asdict(CLIPVisionCfg(**config["vision_cfg"]))
        tower = json.dumps([config["embed_dim"], vision], sort_keys=True)
        towers.setdefault(tower, set()).add(tower_name(architecture))
        names.setdefault(tower_name(architecture), set()).add(tower)
    assert [found for found in towers.values() if len(found) > 1] == []
    assert [name for name, found in names.items() if len(found) > 1] == []


def test_what_stands_for_others_is_a_name_and_stands_for_itself() -> None:
    for name in SAME_TOWER.values():
        assert name in open_clip.list_models()
        assert tower_name(name) == name
