"""What secrets look like: data for the redaction.

Formats of tokens are those that their providers document or that secret scanners of providers
publish; names that make a value a secret are common usage of ``.env`` files, flags and headers.
Patterns are RE2 and matched on UTF-8 bytes. Must never hold logic.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenPattern:
    """A secret that is known by its own form."""

    kind: str
    """Goes into the placeholder: lower-case letters and digits."""
    pattern: str
    """The secret is group 1 if there is one, else the whole match."""
    hint: str
    """Matches wherever ``pattern`` does, also in a JSON string of the text; cheap, and rare in ordinary text."""


TOKENS = (
    TokenPattern(
        "aws", r"\b((?:AKIA|ASIA|ABIA|ACCA|AROA|AIDA|AGPA|ANPA)[A-Z2-7]{16})\b", r"A[KSBCRIGN][IOCDP]A[A-Z2-7]{16}"
    ),
    TokenPattern("anthropic", r"\bsk-ant-[A-Za-z0-9_-]{16,}", r"sk-ant-"),
    TokenPattern("openai", r"\bsk-(?:proj-|svcacct-|admin-|or-v1-)?[A-Za-z0-9_-]{20,}", r"sk-[a-zA-Z0-9]"),
    TokenPattern("github", r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,})", r"gh[pousr]_|github_pat_"),
    TokenPattern(
        "gitlab", r"\bgl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|soat|oas|ffct)-[A-Za-z0-9_.-]{18,}", r"gl[a-z]{2,5}-"
    ),
    TokenPattern("slack", r"\bxox[a-z]-[A-Za-z0-9-]{10,}|\bxapp-[0-9]-[A-Za-z0-9-]{10,}", r"xox[a-z]-|xapp-"),
    TokenPattern(
        "slack", r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9/_-]{20,})", r"hooks\.slack\.com"
    ),
    TokenPattern("discord", r"discord(?:app)?\.com/api/webhooks/([0-9]+/[A-Za-z0-9_-]{20,})", r"api/webhooks/"),
    TokenPattern(
        "discord",
        r"\b[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}",
        r"[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.",
    ),
    TokenPattern(
        "stripe", r"\b[spr]k_(?:live|test)_[A-Za-z0-9]{10,}|\bwhsec_[A-Za-z0-9+/=]{20,}", r"k_live_|k_test_|whsec_"
    ),
    TokenPattern(
        "google",
        r"\bAIza[A-Za-z0-9_-]{35}|\bya29\.[A-Za-z0-9_-]{20,}|\bGOCSPX-[A-Za-z0-9_-]{20,}|\b1//0[A-Za-z0-9_-]{30,}",
        r"AIza|ya29\.|GOCSPX-|1//0",
    ),
    TokenPattern(
        "azure",
        r"(?:AccountKey|SharedAccessKey|SharedAccessSignature)=([A-Za-z0-9+/=%]{20,})",
        r"AccountKey|SharedAccess",
    ),
    TokenPattern("azure", r"[?&]sig=([A-Za-z0-9%+/=_-]{20,})", r"sig="),
    TokenPattern("azure", r"\b[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}", r"[78]Q~"),
    TokenPattern("npm", r"\bnpm_[A-Za-z0-9]{30,}", r"npm_[A-Za-z0-9]{30}"),
    TokenPattern("pypi", r"\bpypi-[A-Za-z0-9_-]{40,}", r"pypi-[A-Za-z0-9_-]{40}"),
    TokenPattern("rubygems", r"\brubygems_[a-f0-9]{40,}", r"rubygems_"),
    TokenPattern("crates", r"\bcio[A-Za-z0-9]{32}\b", r"cio[A-Za-z0-9]{32}"),
    TokenPattern("huggingface", r"\bhf_[A-Za-z0-9]{30,}", r"hf_[A-Za-z0-9]{30}"),
    TokenPattern("sendgrid", r"\bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}", r"SG\.[A-Za-z0-9_-]{16}"),
    TokenPattern("twilio", r"\bSK[0-9a-f]{32}\b", r"SK[0-9a-f]{32}"),
    TokenPattern("mailgun", r"\bkey-[0-9a-f]{32}\b", r"key-[0-9a-f]{32}"),
    TokenPattern("mailchimp", r"\b[0-9a-f]{32}-us[0-9]{1,2}\b", r"[0-9a-f]{32}-us"),
    TokenPattern("digitalocean", r"\bdo[oprt]_v1_[a-f0-9]{60,}", r"_v1_"),
    TokenPattern("databricks", r"\bdapi[0-9a-f]{32}\b", r"dapi[0-9a-f]{32}"),
    TokenPattern("shopify", r"\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}", r"shp[acps][ats]_"),
    TokenPattern("telegram", r"\b([0-9]{8,10}:AA[A-Za-z0-9_-]{33})", r":AA[A-Za-z0-9_-]{33}"),
    TokenPattern("vault", r"\bhv[sbr]\.[A-Za-z0-9_-]{20,}", r"hv[sbr]\.[A-Za-z0-9_-]{20}"),
    TokenPattern("doppler", r"\bdp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9_.-]{30,}", r"dp\.[a-z]{2,5}\."),
    TokenPattern("terraform", r"\b[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{40,}", r"\.atlasv1\."),
    TokenPattern("grafana", r"\bgl(?:c|sa)_[A-Za-z0-9+/=_]{30,}", r"glc_|glsa_"),
    TokenPattern("newrelic", r"\bNR(?:AK|II|JS|RA|BR)-[A-Za-z0-9]{19,}", r"NR[AIJRB][KISAR]-"),
    TokenPattern("postman", r"\bPMAK-[a-f0-9]{24}-[a-f0-9]{34}", r"PMAK-"),
    TokenPattern("sentry", r"\bsntry[su]_[A-Za-z0-9_=+/.-]{30,}", r"sntry[su]_"),
    TokenPattern("linear", r"\blin_(?:api|oauth)_[A-Za-z0-9]{30,}", r"lin_"),
    TokenPattern("notion", r"\b(?:ntn_[A-Za-z0-9]{40,}|secret_[A-Za-z0-9]{40,})", r"ntn_|secret_"),
    TokenPattern("atlassian", r"\bAT(?:ATT|CTT|BB)[A-Za-z0-9_=-]{24,}", r"AT(?:ATT|CTT|BB)[A-Za-z0-9_=-]{24}"),
    TokenPattern("docker", r"\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}", r"dckr_"),
    TokenPattern("artifactory", r"\b(?:AKCp[A-Za-z0-9]{60,}|cmVmdGtuOj[A-Za-z0-9]{40,})", r"AKCp|cmVmdGtuOj"),
    TokenPattern("pulumi", r"\bpul-[a-f0-9]{40}\b", r"pul-[a-f0-9]{40}"),
    TokenPattern("planetscale", r"\bpscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{30,}", r"pscale_"),
    TokenPattern("supabase", r"\bsb(?:p|_secret)_[A-Za-z0-9_]{20,}", r"sbp_|sb_secret_"),
    TokenPattern("tailscale", r"\btskey-[a-z]+-[A-Za-z0-9-]{16,}", r"tskey-"),
    TokenPattern("groq", r"\bgsk_[A-Za-z0-9]{40,}", r"gsk_"),
    TokenPattern("xai", r"\bxai-[A-Za-z0-9]{60,}", r"xai-"),
    TokenPattern("replicate", r"\br8_[A-Za-z0-9]{30,}", r"r8_[A-Za-z0-9]{30}"),
    TokenPattern("perplexity", r"\bpplx-[A-Za-z0-9]{30,}", r"pplx-"),
    TokenPattern("fly", r"\b(?:fo1_[A-Za-z0-9_-]{40,}|fm[12][ar]?_[A-Za-z0-9+/=_-]{40,})", r"fo1_|fm[12][ar]?_"),
    TokenPattern("figma", r"\bfig[do]_[A-Za-z0-9_-]{30,}", r"fig[do]_"),
    TokenPattern("airtable", r"\bpat[A-Za-z0-9]{14}\.[a-f0-9]{64}\b", r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}"),
    TokenPattern(
        "square", r"\b(?:EAAA[A-Za-z0-9_-]{50,}|sq0[a-z]{3}-[A-Za-z0-9_-]{20,})", r"EAAA[A-Za-z0-9_-]{50}|sq0"
    ),
    TokenPattern("dynatrace", r"\bdt0[a-z][0-9]{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}", r"dt0[a-z][0-9]{2}\."),
    TokenPattern("age", r"\bAGE-SECRET-KEY-1[A-Z0-9]{50,}", r"AGE-SECRET-KEY-"),
    TokenPattern("jwt", r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*", r"eyJ[A-Za-z0-9_-]{8,}\."),
    TokenPattern(
        "privatekey",
        r"(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
        r"PRIVATE KEY",
    ),
    TokenPattern("privatekey", r"(?s)PuTTY-User-Key-File-.*?Private-Lines: [0-9]+\s(.*)\z", r"PuTTY-User-Key"),
)

_LONG_HARD = r"password|passwd|passphrase|passwort|passcode|sshpass"
_SHORT_HARD = r"pass|pwd|psw|pw"
_LONG_SOFT = (
    r"secret|token|api[_-]?key|access[_-]?key(?:[_-]?id)?|secret[_-]?key|private[_-]?key|auth[_-]?key|credentials?"
    r"|(?:encryption|signing|master|account|session|shared|license|deploy|service)[_-]?key|webhook[_-]?url"
)
_SHORT_SOFT = r"auth|jwt|bearer|cookie|pat"

SECRET_NAME = (
    rf"(?:[A-Za-z0-9_.-]*(?i:(?P<hard>{_LONG_HARD})|{_LONG_SOFT})"
    rf"|(?:[A-Za-z0-9_.-]*[_.-])?(?i:(?P<hard2>{_SHORT_HARD})|{_SHORT_SOFT}))"
)
"""A name that makes its value a secret: whatever it looks like (``hard``), or if it looks like one."""

HARMLESS = frozenset(
    word
    for line in (
        "str string none null nil true false undefined optional required bool int any bytes text",
        "secret password token passwd prompt ask env file stdin changeme example redacted hidden masked empty",
        "yes no on off",
    )
    for word in line.split()
)
"""Values that stand after such a name in code, help and templates, and are no secret."""

_BARE = r"[^\s'\"`,;&|<>(){}\[\]\\=:][^\s'\"`;&|<>)\\]*"
_QUOTED = r"\\*\"(?P<double>[^\"\\\n]+)|'(?P<single>[^'\n]+)"
ASSIGNMENT = (
    rf"(?:^|[^A-Za-z0-9_./-])(?P<name>{SECRET_NAME})['\"\\]*\s*(?P<sign>=>|:=|=|:)\s*(?:{_QUOTED}|(?P<bare>{_BARE}))"
)
"""``NAME=value``, ``name: value``, ``"name": "value"``."""
FLAG = rf"(?:^|[\s'\"])--?(?P<name>{SECRET_NAME})['\"]?(?:=|\s+)(?:{_QUOTED}|(?P<bare>{_BARE}))"
"""``--name value`` and ``--name=value``."""

ASSIGNMENT_HINT = (
    rf"(?i)(?:pass|pwd|psw|pw|{_LONG_HARD}|{_LONG_SOFT}|{_SHORT_SOFT})['\"\\]*(?:\s|\\[tnr])*(?:=|:)"
    rf"|--?[a-z0-9_.-]*(?:{_LONG_HARD}|{_SHORT_HARD}|{_LONG_SOFT}|{_SHORT_SOFT})['\"\\]*(?:\s|\\[tnr]|,)"
)
"""Holds wherever one of the two above could, in the text itself or in a JSON string of it."""

_HEADERS = (
    r"(?:proxy-)?authorization|cookie|set-cookie|x-[a-z0-9-]*(?:api-?key|token|secret|auth|signature)[a-z0-9-]*"
    r"|api-key|private-token|job-token|deploy-token|ocp-apim-subscription-key"
)
_SCHEME = r"(?:(?:basic|bearer|token|digest|negotiate|apikey|aws4-hmac-sha256|bot)\s+)?"
_WORD = r"([^\s'\"]+|'[^']*'|\"[^\"]*\")"
_REST = r"\b[^|;&\n]*?\s"


@dataclass(frozen=True, slots=True)
class ContextPattern:
    """A secret that is known by what stands before it: group 1."""

    kind: str
    pattern: str
    hint: str


CONTEXTS = (
    ContextPattern("password", rf"\bsshpass\s+(?:-[a-z]+\s+)*-p\s*{_WORD}", r"sshpass"),
    ContextPattern(
        "password",
        rf"\b(?:mysql|mysqldump|mysqladmin|mysqlimport|mariadb|mariadb-dump|mariadb-admin){_REST}-p{_WORD}",
        r"(?:mysql|mariadb).*-p",
    ),
    ContextPattern(
        "password",
        rf"\b(?:curl|wget|http|https|xh){_REST}(?:-[a-zA-Z]*u|--user|-U|--proxy-user|-a|--auth)[\s=]*['\"]?"
        r"[^\s:'\"]+:((?:[^\s'\"/]|/[^\s'\"/])[^\s'\"]*)",
        r"(?:curl|wget|http|https|xh)\b.*[\s\"]-[-a-zA-Z]",
    ),
    ContextPattern("password", rf"\bredis-cli{_REST}-a\s+{_WORD}", r"redis-cli"),
    ContextPattern(
        "password",
        rf"\b(?:docker|podman|helm|oras|crane|skopeo|az|oc){_REST}login\b[^|;&\n]*?\s-p\s*{_WORD}",
        r"\blogin\b",
    ),
    ContextPattern("password", r"\bopenssl\b[^|;&\n]*?\bpass:([^\s'\"]+)", r"pass:"),
    ContextPattern(
        "password",
        rf"\b(?:zip|7z|7za|unzip|unrar|rar){_REST}-[pP]\s?([^\s'\"-][^\s'\"]*|'[^']*'|\"[^\"]*\")",
        r"(?:zip|7za?|rar)\b.*[\s\"]-[pP]",
    ),
    ContextPattern("password", rf"\bldap(?:search|modify|add|delete|whoami){_REST}-w\s*{_WORD}", r"ldap"),
    ContextPattern("password", rf"\bhtpasswd\s+-[a-zA-Z]*b[a-zA-Z]*\s+\S+\s+\S+\s+{_WORD}", r"htpasswd"),
    ContextPattern("password", r"\bsmbclient\b[^|;&\n]*?\s-U\s*['\"]?[^\s%'\"]+%([^\s'\"]+)", r"smbclient"),
    ContextPattern(
        "password",
        r"(?i)\b(?:IDENTIFIED\s+BY|WITH\s+(?:ENCRYPTED\s+)?PASSWORD|PASSWORD)\s+['\"]([^'\"]+)['\"]",
        r"(?i)identified|password",
    ),
    ContextPattern("password", r"[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@'\"<>]*:([^\s/@'\"<>]+)@", r"://[^\s/:@]*:[^\s/@]*@"),
    ContextPattern("token", r"[A-Za-z][A-Za-z0-9+.-]*://([A-Za-z0-9_-]{20,})@", r"://[A-Za-z0-9_-]{20,}@"),
    ContextPattern("token", r"(?i)\bbearer\s+([A-Za-z0-9._~+/=-]{12,})", r"(?i)bearer"),
    ContextPattern(
        "header",
        rf"(?i)(?:^|[^a-z0-9_/-])(?:{_HEADERS})['\"\\]*\s*[:=]\s*['\"\\]*\s*{_SCHEME}([^\s'\"\\][^'\"\\\r\n]*)",
        rf"(?i)(?:{_HEADERS})['\"\\]*(?:\s|\\[tnr])*[:=]",
    ),
)
