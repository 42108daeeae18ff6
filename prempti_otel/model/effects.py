"""The vocabulary of ``proc.effects``: what running a command does, in words that rules can name."""

from __future__ import annotations

from enum import StrEnum


class Effect(StrEnum):
    """One kind of consequence; :attr:`meaning` says it in a sentence, for the reference page."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Effect:
        """A member that is its own name and knows its meaning."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    DELETES_FILES = "deletes_files", "Deletes files that no version control or trash keeps."
    DISCARDS_WORK = "discards_work", "Loses work that is not committed, or commits that nothing else refers to."
    REWRITES_HISTORY = "rewrites_history", "Replaces commits that exist by others, locally."
    REWRITES_REMOTE = "rewrites_remote", "Replaces or deletes branches, tags or history at a remote."
    DESTROYS_DISK = "destroys_disk", "Overwrites, formats or repartitions a block device or volume."
    DESTROYS_DATA = "destroys_data", "Deletes data in a database, queue, bucket, volume or backup."
    DESTROYS_INFRASTRUCTURE = (
        "destroys_infrastructure",
        "Deletes resources of a cloud, a cluster or a hosting service.",
    )
    CHANGES_INFRASTRUCTURE = (
        "changes_infrastructure",
        "Applies changes to resources of a cloud, a cluster or a hosting service.",
    )
    RUNS_REMOTE_CODE = "runs_remote_code", "Runs code that it fetches from an address given on the command line."
    INSTALLS_PACKAGES = "installs_packages", "Installs or upgrades packages, whose install scripts may run."
    REMOVES_PACKAGES = "removes_packages", "Removes programs or libraries that are installed for the whole machine."
    PUBLISHES = "publishes", "Publishes a package, image, release or site for others to use."
    ESCALATES = "escalates", "Runs a command as another user, root by default."
    ESCAPES_ISOLATION = "escapes_isolation", "Gives a container or namespace the host's root, devices or processes."
    CHANGES_PERMISSIONS = "changes_permissions", "Changes modes, owners or access lists of files."
    PERSISTS = "persists", "Arranges for something to run later: timers, units, start-up files."
    INJECTS_CODE = "injects_code", "Makes a program load code that is not its own, by its environment."
    OPENS_LISTENER = "opens_listener", "Accepts connections from the network."
    OPENS_TUNNEL = "opens_tunnel", "Makes a local port or network reachable from elsewhere, or the other way round."
    READS_SECRETS = "reads_secrets", "Prints or exports credentials, keys or tokens."
    DUMPS_ENVIRONMENT = "dumps_environment", "Prints all environment variables."
    SHOWS_NAMES = "shows_names", "Of lines `NAME=VALUE` that it reads, shows the names only."
    ERASES_TRACKS = "erases_tracks", "Removes or falsifies logs, shell history or timestamps."
    STOPS_PROCESSES = "stops_processes", "Ends processes, services or the machine."
    CHANGES_NETWORK = "changes_network", "Changes addresses, routes, name resolution or firewall rules."
    CHANGES_ACCOUNTS = "changes_accounts", "Adds, removes or changes users, groups, passwords or grants."
    CHANGES_KERNEL = "changes_kernel", "Loads kernel code or changes kernel settings."
    CHANGES_MOUNTS = "changes_mounts", "Mounts or unmounts file systems."
    WEAKENS_SECURITY = (
        "weakens_security",
        "Turns off or loosens a protection: this guard, a sandbox, checks, encryption.",
    )
    INSPECTS_PROCESSES = "inspects_processes", "Reads the memory or the calls of running processes."
    RECORDS_ACTIVITY = "records_activity", "Records screen, sound, keys or other programs' network traffic."
    SCANS_NETWORK = "scans_network", "Probes hosts or ports that it was not told of one by one."
    ATTACKS = "attacks", "A tool whose purpose is to break into systems or crack credentials."
