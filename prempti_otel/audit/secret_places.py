"""Where secrets stand that have no form of their own: data for the redaction.

Names that make a value a secret are common usage of ``.env`` files, flags and headers; commands that take a password
are known by their manuals. Patterns are RE2 and matched on UTF-8 bytes. Must never hold logic.
"""

from __future__ import annotations

from prempti_otel.audit.secret_patterns import SecretPattern

_LONG_HARD = r"password|passwd|passphrase|passwort|passcode|sshpass"
_SHORT_HARD = r"pass|pwd|psw|pw|psk"
_LONG_SOFT = (
    r"secret|token|api[_-]?key|access[_-]?key(?:[_-]?id)?|secret[_-]?key(?:[_-]?base)?|private[_-]?key|auth[_-]?key"
    r"|credentials?|(?:encryption|signing|master|account|session|shared|license|deploy|service)[_-]?key"
    r"|preshared[_-]?key|key[_-]data|webhook[_-]?url"
)
_SHORT_SOFT = r"auth|jwt|bearer|cookie|pat"

SECRET_NAME = (
    rf"(?:[A-Za-z0-9_.-]*(?i:(?P<hard>{_LONG_HARD})|{_LONG_SOFT})"
    rf"|(?:[A-Za-z0-9_.-]*[_.-])?(?i:(?P<hard2>{_SHORT_HARD})|{_SHORT_SOFT}))"
)
"""A name that makes its value a secret: whatever it looks like (``hard``), or if it looks like one."""
_NAME = rf"[A-Za-z0-9_.-]*(?i:{_LONG_HARD}|{_LONG_SOFT}|[_.-](?:{_SHORT_HARD}|{_SHORT_SOFT}))"

HARMLESS = frozenset(
    word
    for line in (
        "str string none null nil true false undefined optional required bool int any bytes text",
        "secret password token passwd prompt ask env file stdin changeme example redacted hidden masked empty",
        "yes no on off y n",
    )
    for word in line.split()
)
"""Values that stand after such a name in code, help and templates, and are no secret."""

_BARE = r"[^\s'\"`,;&|<>(){}\[\]\\=:][^\s'\"`;&|<>)\\]*"
_QUOTED = r"\$?\\*\"(?P<double>[^\"\\\n]+)|\$?'(?P<single>[^'\n]+)"
_VALUE = rf"(?:{_QUOTED}|(?P<bare>{_BARE}))"
ASSIGNMENT = rf"(?:^|[^A-Za-z0-9_./-])(?P<name>{SECRET_NAME})['\"\\]*\]?[ \t]*(?P<sign>=>|:=|=|:)[ \t]*{_VALUE}"
"""``NAME=value``, ``name: value``, ``"name": "value"``."""
FLAG = rf"(?:^|[\s'\"])--?(?P<name>{SECRET_NAME})['\"]?(?:=|\s+){_VALUE}"
"""``--name value`` and ``--name=value``."""
CONTINUED = r"^(?:[A-Za-z0-9_.+/@%!#*?~^-]|\\[^\snrtux]|'[^'\s,:;{}()\[\]=&|<>]*'|\"[^\"\s,:;{}()\[\]=&|<>]*\")+"
"""What of a shell word follows a value that ended with a quote or before one."""

ASSIGNMENT_HINT = (
    rf"(?i)(?:{_SHORT_HARD}|{_LONG_HARD}|{_LONG_SOFT}|{_SHORT_SOFT})['\"\\]*\]?(?:\s|\\[tnr])*(?:=|:)"
    rf"|--?[a-z0-9_.-]*(?:{_LONG_HARD}|{_SHORT_HARD}|{_LONG_SOFT}|{_SHORT_SOFT})['\"\\]*(?:\s|\\[tnr]|,)"
)
"""Holds wherever one of the two above could, in the text itself or in a JSON string of it."""
WITHIN_URL_HINT = "%3[aAdD]"
"""A colon or an equals sign of a text that was put into a URL."""

_HEADERS = (
    r"(?:proxy-)?authorization|x-[a-z0-9-]*(?:api-?key|auth-key|token|secret|auth|signature)[a-z0-9-]*"
    r"|api-key|private-token|job-token|deploy-token|ocp-apim-subscription-key"
)
_SCHEME = r"(?:(?:basic|bearer|token|digest|negotiate|apikey|aws4-hmac-sha256|bot)\s+)?"
_WORD = r"([^\s'\"]+|'[^']*'|\"[^\"]*\")"
_GAP = r"(?:\s|\\+[tnr])"
"""A blank, also as a JSON string has it."""
_REST = r"\b[^|;&\n]*?\s"
_CURL = r"(?:curl|wget|http|https|xh)"
_READS_STDIN = (
    r"(?:--password-stdin|--passphrase-fd|--with-token|--token-stdin|--key-file[= ]-|\bsudo\b[^|;&\n]*?\s-[A-Za-z]*S"
    r"|\bchpasswd\b|\bpasswd\b[^|;&\n]*?--stdin|\bcryptsetup\b|\bsecret-tool\b|\bpass\s+insert\b)"
)
_TAKES_PASSWORD = (
    ("mongo|mongosh|mongodump|mongorestore|mongoexport|mongoimport|cqlsh", "p"),
    ("twine|evil-winrm|useradd|usermod|bcp", "p"),
    ("ipmitool|sqlcmd|bcp|tsql", "P"),
    ("snmp[a-z]*", "[AX]"),
)
"""Commands, and their flag that a password follows."""
_BEFORE_PASSWORD = (
    (r"rabbitmqctl\s+(?:add_user|change_password)\s+[^\s;|&]+", "rabbitmqctl"),
    (r"net\s+user\s+[^\s;|&]+", r"net\s+user"),
    (r"(?:vault|cargo)\s+login(?:\s+-[a-z-]+(?:=\S+)?)*", r"(?:vault|cargo)\s+login"),
    (r"openssl\s+passwd(?:\s+-[0-9a-z]+)*", r"openssl\s+passwd"),
    (r"(?:mkpasswd|wpa_passphrase\s+\S+)", "mkpasswd|wpa_passphrase"),
    (r"poetry\s+config\s+(?:pypi-token\.\S+|http-basic\.\S+\s+\S+)", r"poetry\s+config"),
    (r"rclone\s+config\s+(?:create|update)\b[^|;&\n]*?\spass", r"rclone\s+config"),
    (r"(?:requirepass|masterauth)", "requirepass|masterauth"),
)
"""Words that a password stands behind, and what hints at them."""

CONTEXTS = (
    *(
        SecretPattern("password", rf"\b(?:{commands}){_REST}-{flag}\s*{_WORD}", rf"(?:{commands})\b.*-{flag}")
        for commands, flag in _TAKES_PASSWORD
    ),
    *(
        SecretPattern("password", rf"\b{words}\s+([^\s'\"-][^\s'\"]*|'[^']*'|\"[^\"]*\")", hint)
        for words, hint in _BEFORE_PASSWORD
    ),
    SecretPattern("password", rf"\bsshpass\s+(?:-[a-z]+\s+)*-p\s*{_WORD}", r"sshpass"),
    SecretPattern(
        "password",
        rf"\b(?:mysql|mysqldump|mysqladmin|mysqlimport|mariadb|mariadb-dump|mariadb-admin){_REST}-p{_WORD}",
        r"(?:mysql|mariadb).*-p",
    ),
    SecretPattern(
        "password",
        rf"\b{_CURL}{_REST}(?:-[a-zA-Z]*u|--user|-U|--proxy-user|-a|--auth)[\s=]*['\"]?"
        r"[^\s:'\"]*:((?:[^\s'\"/]|/[^\s'\"/])[^\s'\"]*)",
        rf"{_CURL}\b.*[\s\"](?:-[a-zA-Z]*[uUa]|--user|--proxy-user|--auth)",
    ),
    SecretPattern(
        "token",
        rf"\b{_CURL}{_REST}(?:-u|--user)[\s=]*['\"]?([^\s:'\"]{{8,}}):?(?:[\s'\"]|$)",
        rf"{_CURL}\b.*[\s\"](?:-[a-zA-Z]*[uUa]|--user|--proxy-user|--auth)",
        mixed=True,
    ),
    SecretPattern("password", r"\bsqlplus\s+(?:-[A-Za-z]+\s+)*[^\s/'\"]+/([^\s@'\"]+)@", "sqlplus"),
    SecretPattern("password", rf"\b(?:x|wl)?freerdp[0-9]?{_REST}/p:{_WORD}", "freerdp"),
    SecretPattern("token", r"--from-literal[=\s]['\"]?[A-Za-z0-9._-]+=([^\s'\"]+)", "--from-literal", mixed=True),
    SecretPattern("token", r"\bKEY=['\"]?([A-Za-z0-9+/=_-]{16,})", "KEY=", mixed=True),
    SecretPattern(
        "cookie",
        rf"\b{_CURL}{_REST}(?:-b|--cookie)[\s=]*['\"]?([^\s'\"=]+=[^'\"\s][^'\"]*)",
        rf"{_CURL}\b.*[\s\"](?:-b|--cookie)",
    ),
    SecretPattern("password", rf"\bredis-cli{_REST}-a\s+{_WORD}", r"redis-cli"),
    SecretPattern(
        "password",
        rf"\b(?:docker|podman|helm|oras|crane|skopeo|az|oc){_REST}login\b[^|;&\n]*?\s-p\s*{_WORD}",
        r"\blogin\b",
    ),
    SecretPattern(
        "password",
        rf"\b(?:echo|printf|print)\s+(?:-[neE]+\s+)*(?:['\"]?(?:%s|%b)(?:\\+n)?['\"]?\s+)?{_WORD}"
        rf"[^|;&\n]*\|[^|;&\n]*?{_READS_STDIN}",
        _READS_STDIN,
    ),
    SecretPattern("password", rf"{_READS_STDIN}[^|;&\n]*?<<<\s*{_WORD}", r"<<<"),
    SecretPattern("password", r"\bopenssl\b[^|;&\n]*?\bpass:([^\s'\"]+)", r"pass:"),
    SecretPattern("password", rf"\bopenssl{_REST}-[kK]\s+{_WORD}", r"openssl.*-[kK]"),
    SecretPattern(
        "password",
        rf"\b(?:zip|7z|7za|unzip|unrar|rar){_REST}-[pP]\s?([^\s'\"-][^\s'\"]*|'[^']*'|\"[^\"]*\")",
        r"(?:zip|7za?|rar)\b.*[\s\"]-[pP]",
    ),
    SecretPattern("password", rf"\bldap(?:search|modify|add|delete|whoami){_REST}-w\s*{_WORD}", r"ldap"),
    SecretPattern("password", rf"\bhtpasswd\s+-[a-zA-Z]*b[a-zA-Z]*\s+\S+\s+\S+\s+{_WORD}", r"htpasswd"),
    SecretPattern("password", r"\bsmbclient\b[^|;&\n]*?\s-U\s*['\"]?[^\s%'\"]+%([^\s'\"]+)", r"smbclient"),
    SecretPattern("password", rf"\bssh-keygen{_REST}-[NP]\s*{_WORD}", r"ssh-keygen.*-[NP]"),
    SecretPattern("password", rf"\bnmcli\b[^|;&\n]*?(?:\spassword|psk)\s+{_WORD}", r"nmcli"),
    SecretPattern("password", rf"\bsecurity\s+add-[a-z]+-password\b[^|;&\n]*?\s-w\s*{_WORD}", r"add-[a-z]+-password"),
    SecretPattern("token", rf"\bgh\s+(?:secret|variable)\s+set\b[^|;&\n]*?\s(?:-b|--body)[\s=]+{_WORD}", r"gh secret"),
    SecretPattern(
        "password",
        r"(?i)\b(?:IDENTIFIED\s+BY|WITH\s+(?:ENCRYPTED\s+)?PASSWORD|PASSWORD)\s+['\"]([^'\"]+)['\"]",
        rf"(?i)(?:identified{_GAP}+by|password){_GAP}+\\*['\"]",
    ),
    SecretPattern(
        "password", r"\b(?:login|machine|account)\s+\S+\s+password\s+([^\s'\"]+)", r"password(?:\s|\\[tnr])+\S"
    ),
    SecretPattern(
        "password",
        r"(?m)(?:^|['\"])[A-Za-z0-9.*_-]+:(?:[0-9]{4,5}|\*):[A-Za-z0-9.*_-]+:[A-Za-z0-9.*_-]+:([^\s'\":]{6,})['\"]?\s*"
        r"(?:$|>>?\s*\S*pgpass)",
        r":(?:[0-9]{4,5}|\*):[A-Za-z0-9.*_-]+:",
        mixed=True,
    ),
    SecretPattern("password", r"[A-Za-z][A-Za-z0-9+.-]*://[^\s/:@'\"<>]*:([^\s/'\"<>]+)@", r"://[^\s/:@]*:[^\s/]*@"),
    SecretPattern("token", r"[A-Za-z][A-Za-z0-9+.-]*://([A-Za-z0-9_-]{20,})@", r"://[A-Za-z0-9_-]{20,}@"),
    SecretPattern(
        "token",
        r"[?&;](?:key|code|sig|signature|X-Amz-(?:Signature|Credential|Security-Token)|X-Goog-Signature)="
        r"([A-Za-z0-9%+/=._~-]{16,})",
        r"(?:key|code|sig|signature|Signature|Credential|Token)=",
        mixed=True,
    ),
    SecretPattern(
        "token",
        r"(?i)(?:signature|hmac|mac)\\*['\"]?=\\*['\"]?([A-Za-z0-9%+/=]{16,})",
        r"(?i)(?:signature|mac)[^=]{0,3}=",
        mixed=True,
    ),
    SecretPattern("token", r"(?i)\bbearer\s+([A-Za-z0-9._~+/=-]{12,})", r"(?i)bearer"),
    SecretPattern(
        "cookie",
        r"(?i)(?:^|[^a-z0-9_/-])(?:set-)?cookie['\"\\]*\s*[:=]\s*(?:[bfru]{1,2}['\"])?['\"\\]*\s*"
        r"([^\s'\"\\=;,]+=[^\s'\"\\;][^'\"\\\r\n]*)",
        r"(?i)cookie['\"\\]*(?:\s|\\[tnr])*[:=]",
    ),
    SecretPattern(
        "header",
        rf"(?i)(?:^|[^a-z0-9_/-])(?:{_HEADERS})['\"\\]*\s*[:=]\s*(?:[bfru]{{1,2}}['\"])?['\"\\]*\s*{_SCHEME}"
        r"([^\s'\"\\][^'\"\\\r\n]*)",
        rf"(?i)(?:{_HEADERS})['\"\\]*(?:\s|\\[tnr])*[:=]",
    ),
    SecretPattern(
        "token",
        rf"\b(?:set|setenv|setx|add|configure|ENV|put)\s+(?:-{{1,2}}[A-Za-z-]+\s+)*(?:[^\s'\"=]*[:/])?{_NAME}\s+{_WORD}",
        rf"(?:set|setenv|setx|add|configure|ENV|put){_GAP}+(?:-{{1,2}}[A-Za-z-]+{_GAP}+)*(?:[^\s'\"=]*[:/])?{_NAME}{_GAP}",
        mixed=True,
    ),
    SecretPattern("password", rf"<[A-Za-z0-9.:_-]*{_NAME}>\s*([^<\s][^<]*)</", rf"(?i){_NAME}>"),
    SecretPattern(
        "token",
        rf"(?i:\b(?:name|key))['\"\\]*\s*[:=]\s*['\"\\]*{_NAME}['\"\\]*\s*,?\s*['\"\\]*(?i:value)['\"\\]*\s*[:=]\s*"
        r"['\"\\]*([^\s'\"\\,}]+)",
        rf"(?i:name|key)['\"\\]*{_GAP}*[:=]{_GAP}*['\"\\]*{_NAME}",
        mixed=True,
    ),
    SecretPattern(
        "password",
        rf"\bvariable\s+['\"\\]*{_NAME}['\"\\]*\s*\{{[^}}]*?\bdefault\s*=\s*['\"\\]+([^'\"\\\n]+)",
        r"\bvariable\b",
    ),
    SecretPattern(
        "password",
        r"(?i)\b(?:pass(?:word|phrase|code)|secret|token|(?:api|access)[ _-]?key)\s*(?:is|to|of|as|:)\s*['\"`]?"
        r"([^\s'\"`]{6,})",
        rf"(?i)(?:pass(?:word|phrase|code)|secret|token|key){_GAP}*(?:is|to|of|as|:){_GAP}*\\*['\"`]?[^\s'\"`]{{6}}",
        mixed=True,
    ),
    SecretPattern(
        "token", r"(?i)\btoken\s+([A-Za-z0-9_.~+/=-]{16,})", rf"(?i)token{_GAP}+[A-Za-z0-9_.~+/=-]{{16}}", mixed=True
    ),
    SecretPattern(
        "token",
        rf"['\"]{_NAME}['\"]\s*,\s*['\"]([^'\"]+)['\"]|{_NAME}\(\s*['\"]([^'\"]+)['\"]\s*\)",
        rf"{_NAME}(?:\\*['\"]{_GAP}*,|\({_GAP}*\\*['\"])",
        mixed=True,
    ),
    SecretPattern("token", rf"{_NAME}['\"]?:\s*[|>][+-]?\s*\n\s+(\S+)", rf"{_NAME}['\"]?:\s*[|>]", mixed=True),
    SecretPattern(
        "password",
        r"(?i)type=['\"]?password['\"]?[^>]*?\bvalue=['\"]?([^\s'\">]+)",
        r"(?i)type=\\*['\"]?password",
    ),
)
