"""What tokens look like that are known by their form alone: data for the redaction.

The formats are those that providers document or that they publish for secret scanners. Patterns are RE2 and
matched on UTF-8 bytes. A form that ordinary words have too asks for an edge before it (``\\b``); one that nothing
else has is found inside other words as well. Must never hold logic.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SecretPattern:
    """A secret that is known by its own form, or by what stands before it."""

    kind: str
    """Goes into the placeholder: lower-case letters and digits."""
    pattern: str
    """The secret is the first group that matched, else the whole match."""
    hint: str
    """Matches wherever ``pattern`` does, also in a JSON string of the text; cheap, and rare in ordinary text."""
    digits: bool = False
    """Whether it is one only if a digit is in it; words joined by hyphens look alike otherwise."""
    mixed: bool = False
    """Whether it is one only if it looks like one, by the kinds of its characters."""


_PRIVATE_IN_BASE64 = (
    r"LS0tLS1CRUdJTi(?:BQUklWQVRFIEtF|BSU0EgUFJJVkFURSBL|BFQyBQUklWQVRFIEtF|BPUEVOU1NIIFBSSVZBVEUg|BEU0EgUFJJVkFURSBL"
    r"|BFTkNSWVBURUQgUFJJVkFURSBL|BQR1AgUFJJVkFURSBL)"
)
"""``-----BEGIN PRIVATE KEY`` and its relatives."""
_KEY = "[A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?"
_IN_BASE64 = (
    r"(?:Z2hwX|Z2hvX|Z2hzX|Z2l0aHViX3BhdF|Z2xwYXQt|c2stYW50L|c2stcHJvai|eG94[Yc]|QUtJQ|QVNJQ|QUl6Y|bnBtX|c2tfbGl2ZV"
    r"|cHlwaS1BZ)"
)
"""The beginnings of the most common tokens, as base64 has them."""

TOKENS = (
    SecretPattern(
        "aws",
        r"(?:AKIA|ASIA)[A-Z2-7]{16,}|\b(?:ABIA|ACCA|AROA|AIDA|AGPA|ANPA)[A-Z2-7]{16}\b",
        r"A[KSBCRIGN][IOCDP]A[A-Z2-7]{16}",
    ),
    SecretPattern("anthropic", r"sk-ant-[A-Za-z0-9_-]{16,}", r"sk-ant-"),
    SecretPattern(
        "openai", r"sk-[A-Za-z0-9_-]{10,}T3BlbkFJ[A-Za-z0-9_-]{10,}|sk-[A-Za-z0-9]{40,}", r"T3BlbkFJ|sk-[A-Za-z0-9]{40}"
    ),
    SecretPattern(
        "openai",
        r"\bsk-(?:proj-|svcacct-|admin-|or-v1-|lf-)?[A-Za-z0-9_-]{20,}",
        r"sk-[a-zA-Z0-9_-]{20}",
        digits=True,
    ),
    SecretPattern("github", r"gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,}", r"gh[pousr]_|github_pat_"),
    SecretPattern(
        "gitlab", r"gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat|oas|ffct)-[A-Za-z0-9_.-]{18,}", r"gl[a-z]{2,5}-"
    ),
    SecretPattern("slack", r"xox[a-z]-[A-Za-z0-9-]{10,}|xapp-[0-9]-[A-Za-z0-9-]{10,}", r"xox[a-z]-|xapp-"),
    SecretPattern(
        "slack", r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9/_-]{20,})", r"hooks\.slack\.com"
    ),
    SecretPattern("discord", r"discord(?:app)?\.com/api/webhooks/([0-9]+/[A-Za-z0-9_-]{20,})", r"api/webhooks/"),
    SecretPattern(
        "discord",
        r"\b[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}",
        r"[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.",
    ),
    SecretPattern(
        "stripe",
        r"[spr]k_(?:live|test)_[A-Za-z0-9]{24,}|\b[spr]k_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{20,}",
        r"k_live_|k_test_|whsec_",
    ),
    SecretPattern(
        "google",
        r"AIza[A-Za-z0-9_-]{35}|\bya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{20,}|1//0[A-Za-z0-9_-]{30,}",
        r"AIza|ya29\.|GOCSPX-|1//0",
    ),
    SecretPattern(
        "azure",
        r"(?:AccountKey|SharedAccessKey|SharedAccessSignature)=([A-Za-z0-9+/=%]{20,})",
        r"AccountKey|SharedAccess",
    ),
    SecretPattern("azure", r"[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,}", r"[78]Q~"),
    SecretPattern("npm", r"npm_[A-Za-z0-9]{30,}", r"npm_[A-Za-z0-9]{30}"),
    SecretPattern("pypi", r"pypi-Ag[A-Za-z0-9_-]{40,}|\bpypi-[A-Za-z0-9_-]{50,}", r"pypi-Ag|pypi-[A-Za-z0-9_-]{50}"),
    SecretPattern("rubygems", r"rubygems_[a-f0-9]{40,}", r"rubygems_"),
    SecretPattern("crates", r"\bcio[A-Za-z0-9]{32}\b", r"cio[A-Za-z0-9]{32}"),
    SecretPattern("huggingface", r"hf_[A-Za-z0-9]{30,}", r"hf_[A-Za-z0-9]{30}"),
    SecretPattern(
        "sendgrid",
        r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}|\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}",
        r"SG\.[A-Za-z0-9_-]{16}",
    ),
    SecretPattern("twilio", r"SK[0-9a-f]{32,}", r"SK[0-9a-f]{32}"),
    SecretPattern("mailgun", r"(?:^|[^A-Za-z0-9_-])(key-[0-9a-f]{32})\b", r"key-[0-9a-f]{32}"),
    SecretPattern("mailchimp", r"[0-9a-f]{32}-us[0-9]{1,2}\b", r"[0-9a-f]{32}-us"),
    SecretPattern("digitalocean", r"do[oprt]_v1_[a-f0-9]{60,}", r"_v1_"),
    SecretPattern("databricks", r"dapi[0-9a-f]{32,}", r"dapi[0-9a-f]{32}"),
    SecretPattern("shopify", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32,}", r"shp[acps][ats]_"),
    SecretPattern("telegram", r"[0-9]{8,10}:AA[A-Za-z0-9_-]{33}", r":AA[A-Za-z0-9_-]{33}"),
    SecretPattern("vault", r"hv[sbr]\.[A-Za-z0-9_-]{20,}", r"hv[sbr]\.[A-Za-z0-9_-]{20}"),
    SecretPattern("doppler", r"dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9_.-]{30,}", r"dp\.[a-z]{2,5}\."),
    SecretPattern("terraform", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{40,}", r"\.atlasv1\."),
    SecretPattern("grafana", r"glc_eyJ[A-Za-z0-9+/=_]{30,}|glsa_[A-Za-z0-9]{32}_[a-f0-9]{8}", r"glc_eyJ|glsa_"),
    SecretPattern("newrelic", r"NR(?:AK|II|JS|RA|BR)-[A-Za-z0-9]{19,}", r"NR[AIJRB][KISAR]-"),
    SecretPattern("postman", r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}", r"PMAK-"),
    SecretPattern("sentry", r"sntry[su]_[A-Za-z0-9_=+/.-]{30,}", r"sntry[su]_"),
    SecretPattern("linear", r"lin_(?:api|oauth)_[A-Za-z0-9]{30,}", r"lin_(?:api|oauth)_"),
    SecretPattern("notion", r"ntn_[A-Za-z0-9]{40,}|secret_[A-Za-z0-9]{40,}", r"ntn_|secret_[A-Za-z0-9]{40}"),
    SecretPattern(
        "atlassian",
        r"AT[AC]TT3[A-Za-z0-9_=-]{24,}|\bAT(?:ATT|CTT|BB)[A-Za-z0-9_=-]{24,}",
        r"AT(?:ATT|CTT|BB)[A-Za-z0-9_=-]{24}",
    ),
    SecretPattern("docker", r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}", r"dckr_"),
    SecretPattern("artifactory", r"AKCp[A-Za-z0-9]{60,}|cmVmdGtuOj[A-Za-z0-9]{40,}", r"AKCp|cmVmdGtuOj"),
    SecretPattern("pulumi", r"pul-[a-f0-9]{40}", r"pul-[a-f0-9]{40}"),
    SecretPattern("planetscale", r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{30,}", r"pscale_"),
    SecretPattern("supabase", r"sbp_[a-f0-9]{40,}|sb_secret_[A-Za-z0-9_-]{20,}", r"sbp_|sb_secret_"),
    SecretPattern("tailscale", r"tskey-[a-z]+-[A-Za-z0-9-]{16,}", r"tskey-"),
    SecretPattern("groq", r"gsk_[A-Za-z0-9]{40,}", r"gsk_"),
    SecretPattern("xai", r"xai-[A-Za-z0-9]{60,}", r"xai-"),
    SecretPattern("replicate", r"r8_[A-Za-z0-9]{30,}", r"r8_[A-Za-z0-9]{30}"),
    SecretPattern("perplexity", r"pplx-[A-Za-z0-9]{30,}", r"pplx-"),
    SecretPattern("nvidia", r"nvapi-[A-Za-z0-9_-]{40,}", r"nvapi-"),
    SecretPattern("langsmith", r"lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}", r"lsv2_"),
    SecretPattern("tavily", r"tvly-(?:dev-|prod-)?[A-Za-z0-9]{20,}", r"tvly-"),
    SecretPattern("brevo", r"x(?:key|smtp)sib-[a-f0-9]{64}-[A-Za-z0-9]{16}", r"sib-[a-f0-9]{64}"),
    SecretPattern("heroku", r"HRKU-[A-Za-z0-9_-]{36,}", r"HRKU-"),
    SecretPattern("netlify", r"nfp_[A-Za-z0-9]{36,}", r"nfp_[A-Za-z0-9]{36}"),
    SecretPattern("sourcegraph", r"sgp_(?:[a-fA-F0-9]{16}_|local_)?[a-fA-F0-9]{40}", r"sgp_"),
    SecretPattern("hubspot", r"pat-[a-z]{2}[0-9]-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", r"pat-[a-z]{2}[0-9]-"),
    SecretPattern("onepassword", r"ops_eyJ[A-Za-z0-9_-]{60,}", r"ops_eyJ"),
    SecretPattern("contentful", r"CFPAT-[A-Za-z0-9_-]{40,}", r"CFPAT-"),
    SecretPattern("fly", r"\b(?:fo1_[A-Za-z0-9_-]{40,}|fm[12][ar]?_[A-Za-z0-9+/=_-]{40,})", r"fo1_|fm[12][ar]?_"),
    SecretPattern("figma", r"\bfig[do]_[A-Za-z0-9_-]{30,}", r"fig[do]_"),
    SecretPattern("airtable", r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}", r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}"),
    SecretPattern(
        "square", r"\b(?:EAAA[A-Za-z0-9_-]{50,}|sq0[a-z]{3}-[A-Za-z0-9_-]{20,})", r"EAAA[A-Za-z0-9_-]{50}|sq0"
    ),
    SecretPattern("dynatrace", r"dt0[a-z][0-9]{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}", r"dt0[a-z][0-9]{2}\."),
    SecretPattern("age", r"AGE-SECRET-KEY-1[A-Z0-9]{50,}", r"AGE-SECRET-KEY-"),
    SecretPattern("jwt", r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*", r"eyJ[A-Za-z0-9_-]{8,}\."),
    SecretPattern(
        "passwordhash",
        r"\$2[abxy]\$[0-9]{2}\$[A-Za-z0-9./]{53}|\$1\$[A-Za-z0-9./]{1,8}\$[A-Za-z0-9./]{22}"
        r"|\$(?:[56]|y|gy)\$(?:[A-Za-z0-9./=,]{1,24}\$){1,2}[A-Za-z0-9./]{43,86}"
        r"|\$argon2(?:id|i|d)\$[A-Za-z0-9+/$=,]{20,}",
        r"\$(?:2[abxy]|[156]|g?y|argon2(?:id|i|d))\$",
    ),
    SecretPattern(
        "privatekey",
        rf"(?s)-----BEGIN {_KEY}-----(?:\s|\\|['\"]?[^A-Za-z0-9]{{0,24}}[A-Za-z0-9+/]{{20}}).*?"
        rf"(?:-----END {_KEY}-----|\z)",
        r"PRIVATE KEY",
    ),
    SecretPattern("privatekey", r"(?s)PuTTY-User-Key-File-.*?Private-Lines: [0-9]+\s(.*)\z", r"PuTTY-User-Key"),
    SecretPattern("privatekey", rf"{_PRIVATE_IN_BASE64}[A-Za-z0-9+/=_-]*", _PRIVATE_IN_BASE64),
    SecretPattern("base64", rf"\b{_IN_BASE64}[A-Za-z0-9+/_-]{{20,}}=*", rf"{_IN_BASE64}[A-Za-z0-9+/_-]{{20}}"),
)
