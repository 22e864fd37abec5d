"""What MJML knows: components, where they may stand, and which attributes they take.

Kept as data, since the compiler itself accepts anything and says nothing. Add a component here when the compiler
gains it; rules that need more than a table belong to ``lint``.
"""

_PADDING = "padding padding-top padding-right padding-bottom padding-left"
_INNER = "inner-padding"
_FONT = (
    "color font-family font-size font-style font-weight letter-spacing line-height text-align "
    "text-decoration text-transform"
)
_BACKGROUND = (
    "background-color background-url background-repeat background-size background-position "
    "background-position-x background-position-y"
)
_BORDER = "border border-top border-right border-bottom border-left border-radius"
_ALWAYS = "css-class mj-class"
_CONTAINER = "container-background-color"

_COLUMN_CONTENT = (
    "mj-text mj-button mj-image mj-divider mj-spacer mj-table mj-raw mj-social mj-navbar mj-accordion mj-carousel"
)
_BODY_CONTENT = "mj-section mj-wrapper mj-hero mj-raw"
_HEAD_CONTENT = "mj-title mj-preview mj-attributes mj-style mj-breakpoint mj-font mj-raw"

CHILDREN: dict[str, frozenset[str]] = {
    tag: frozenset(names.split())
    for tag, names in {
        "": "mjml",
        "mjml": "mj-head mj-body",
        "mj-head": _HEAD_CONTENT,
        "mj-body": _BODY_CONTENT,
        "mj-wrapper": "mj-section mj-hero mj-raw",
        "mj-section": "mj-column mj-group mj-raw",
        "mj-group": "mj-column mj-raw",
        "mj-column": _COLUMN_CONTENT,
        "mj-hero": _COLUMN_CONTENT,
        "mj-social": "mj-social-element mj-raw",
        "mj-navbar": "mj-navbar-link mj-raw",
        "mj-accordion": "mj-accordion-element mj-raw",
        "mj-accordion-element": "mj-accordion-title mj-accordion-text",
        "mj-carousel": "mj-carousel-image",
    }.items()
}

ATTRIBUTES: dict[str, frozenset[str]] = {
    tag: frozenset(f"{names} {_ALWAYS}".split())
    for tag, names in {
        "mjml": "lang dir owa",
        "mj-head": "",
        "mj-title": "",
        "mj-preview": "",
        "mj-attributes": "",
        "mj-style": "inline",
        "mj-breakpoint": "width",
        "mj-font": "name href",
        "mj-raw": "position",
        "mj-body": "background-color width",
        "mj-wrapper": f"{_BACKGROUND} {_BORDER} {_PADDING} full-width text-align",
        "mj-section": f"{_BACKGROUND} {_BORDER} {_PADDING} direction full-width text-align text-padding",
        "mj-group": "background-color direction vertical-align width",
        "mj-column": (
            f"background-color inner-background-color inner-border inner-border-radius {_BORDER} "
            f"{_PADDING} direction vertical-align width"
        ),
        "mj-hero": (
            f"{_BACKGROUND} {_PADDING} background-height background-width border-radius height "
            f"inner-background-color mode vertical-align width {_CONTAINER}"
        ),
        "mj-text": f"{_FONT} {_PADDING} align height vertical-align {_CONTAINER}",
        "mj-button": (
            f"{_FONT} {_PADDING} {_BORDER} {_INNER} align background-color height href name rel target "
            f"title vertical-align width {_CONTAINER}"
        ),
        "mj-image": (
            f"{_PADDING} {_BORDER} align alt fluid-on-mobile height href max-height name rel sizes src "
            f"srcset target title usemap width {_CONTAINER}"
        ),
        "mj-divider": f"{_PADDING} align border-color border-style border-width width {_CONTAINER}",
        "mj-spacer": f"{_PADDING} {_BORDER} height {_CONTAINER}",
        "mj-table": f"{_FONT} {_PADDING} align border cellpadding cellspacing role table-layout width {_CONTAINER}",
        "mj-social": (
            f"{_FONT} {_PADDING} {_INNER} align border-radius icon-height icon-padding icon-size mode "
            f"table-layout text-padding vertical-align {_CONTAINER}"
        ),
        "mj-social-element": (
            f"{_FONT} {_PADDING} align alt background-color border-radius href icon-height icon-padding "
            "icon-position icon-size name rel sizes src srcset target text-padding title vertical-align"
        ),
        "mj-navbar": (
            f"{_FONT} {_PADDING} align base-url hamburger ico-align ico-close ico-color ico-font-family "
            "ico-font-size ico-line-height ico-open ico-padding ico-text-decoration ico-text-transform"
        ),
        "mj-navbar-link": f"{_FONT} {_PADDING} href name rel target",
        "mj-accordion": (
            f"{_FONT} {_PADDING} border icon-align icon-height icon-position icon-unwrapped-alt "
            f"icon-unwrapped-url icon-width icon-wrapped-alt icon-wrapped-url {_CONTAINER}"
        ),
        "mj-accordion-element": (
            "background-color border font-family icon-align icon-height icon-position icon-unwrapped-alt "
            "icon-unwrapped-url icon-width icon-wrapped-alt icon-wrapped-url"
        ),
        "mj-accordion-title": f"{_FONT} {_PADDING} background-color",
        "mj-accordion-text": f"{_FONT} {_PADDING} background-color",
        "mj-carousel": (
            "align border-radius icon-width left-icon right-icon tb-border tb-border-radius "
            f"tb-hover-border-color tb-selected-border-color tb-width thumbnails {_PADDING} {_CONTAINER}"
        ),
        "mj-carousel-image": "alt border-radius href rel src target tb-border tb-border-radius thumbnails-src title",
    }.items()
}  # fmt: skip

BROKEN = {
    "mj-html-attributes": "Set the attributes on the components themselves.",
    "mj-include": 'Write it as one tag: <mj-include path="partials/…" />.',
    "mj-chart": "Use a picture or a table.",
}

# Widths and heights are worked out once, when the template is compiled.
LAYOUT = frozenset(
    {"width", "height", "columns", "mode", "direction", "full-width", "border-width", "icon-size", "inner-padding"}
    | set(_PADDING.split())
)
LENGTHS = frozenset({"width", "height", "font-size", "border-radius", "icon-size", *_PADDING.split(), _INNER})
COLOURS = frozenset(
    {"color", "background-color", "border-color", "inner-background-color", "container-background-color"}
)
FORBIDDEN_HTML = frozenset({"script", "iframe", "object", "embed", "form", "input", "video", "audio", "base", "link"})
