"""The locales of Azure AI Speech: a language with its region, while users mostly say the language alone."""

from __future__ import annotations

from agentkit.errors import UnsupportedError

__all__ = ["locale_of"]

_REGIONS = (
    "af-ZA am-ET ar-EG az-AZ bg-BG bn-IN bs-BA ca-ES cs-CZ cy-GB da-DK de-DE el-GR en-US es-ES et-EE eu-ES fa-IR fi-FI "
    "fil-PH fr-FR ga-IE gl-ES gu-IN he-IL hi-IN hr-HR hu-HU hy-AM id-ID is-IS it-IT ja-JP ka-GE kk-KZ km-KH kn-IN "
    "ko-KR lo-LA lt-LT lv-LV mk-MK ml-IN mn-MN mr-IN ms-MY mt-MT my-MM nb-NO ne-NP nl-NL pa-IN pl-PL ps-AF pt-BR ro-RO "
    "ru-RU si-LK sk-SK sl-SI so-SO sq-AL sr-RS sv-SE sw-KE ta-IN te-IN th-TH tr-TR uk-UA ur-IN uz-UZ vi-VN zh-CN zu-ZA"
)
_LOCALES = {locale.partition("-")[0]: locale for locale in _REGIONS.split()}
"""Language -> the locale that is taken for it where no region is said."""


def locale_of(language: str, *, who: str) -> str:
    """The locale of a language; one with a region is taken as it is. Raises UnsupportedError."""
    if "-" in language:
        return language
    if (found := _LOCALES.get(language.lower())) is None:
        raise UnsupportedError(
            f"{who} knows no language {language!r}; give it with its region, such as language='de-CH'"
        )
    return found
