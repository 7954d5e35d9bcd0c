"""What a Sling stream is made of: its own part of the replication, and what the replication says for all of its streams."""

import hashlib
import json

from .graph import digest

CONFIG = "sling_replication_config"
TRANSLATOR = "dagster_sling_translator"


def sling_edges(reach, asset):
    config = value_ending_with(asset.metadata, CONFIG)
    if not isinstance(config, dict):
        return []
    name, stream = stream_of(asset, config)
    if name is None:
        reach.note_gap("no Sling stream of " + asset.key.to_user_string())
    # A stream that was not found is all of them: rather one mark too many than one too few.
    own = config.get("streams") if name is None else {name: stream}
    whole = {key: value for key, value in config.items() if key != "streams"}
    text = reach.own.portable(json.dumps([own, whole], sort_keys=True, default=str, ensure_ascii=False))
    return [("sling", reach.text_node("sling " + digest(text)))]


def stream_of(asset, config):
    """The stream whose asset this is, without what Dagster reads of it."""
    translator = value_ending_with(asset.metadata, TRANSLATOR)
    for name, stream in (config.get("streams") or {}).items():
        definition = {"name": name, "config": stream}
        try:
            if translator is not None and key_of(translator, definition) == asset.key:
                return name, {key: value for key, value in (stream or {}).items() if key != "meta"}
        except Exception:  # a translator of the project's may refuse streams that it does not know
            continue
    return None, None


def key_of(translator, definition):
    get_spec = getattr(translator, "get_asset_spec", None)
    return get_spec(definition).key if get_spec else translator.get_asset_key(definition)


def is_version_of_whole_file(asset):
    """Whether the code version is the hash that dagster-sling makes of all streams together."""
    config = value_ending_with(asset.metadata, CONFIG)
    return config is not None and asset.code_version == hashlib.md5(str(config).encode()).hexdigest()


def value_ending_with(metadata, ending):
    """Keys have the library's name before them: `dagster_sling/`, earlier `dagster_embedded_elt/`."""
    return next((value for key, value in metadata.items() if key.endswith("/" + ending)), None)
