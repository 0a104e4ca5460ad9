"""Bundles that must not come into force: one maker for each kind, each with a seed for where the harm is done."""

import gzip
import io
import random
import tarfile

import msgspec

from sidecar.backends.signing import new_key, read_signer
from sidecar.rules.archive import BYTES_LIMIT, MEMBERS_LIMIT, pack
from sidecar.rules.shipping import ENVELOPE, Envelope, describe, sign
from tests.delivery.parts import bundle
from tests.rules.test_lint import RULE

RULE_FILE = "injection/injection-sample.yaml"
# The first bytes of a gzip header (time, system) mean nothing: a flip there leaves the bundle as it was.
_GZIP_HEADER = 10


class Maker:
    """Makes bad bundles that claim to be newer than what is in force.

    Args:
        signed: signs as the release key does.
        version: of what is made; the one in force is `in_force`.
        in_force: the version in force.
    """

    def __init__(self, signed, version="9.0.0", in_force="1.0.0"):
        self.signed = signed
        self.version = version
        self.in_force = in_force
        self.files = bundle(version, verdict="block")
        stranger = signed.folder / "stranger"
        if not stranger.exists():
            new_key(stranger)
        self.stranger = read_signer(stranger)

    def make(self, kind, seed):
        """Return the archive of one kind."""
        archive = getattr(self, kind)(random.Random(f"{kind} {seed}"))
        return archive if isinstance(archive, bytes) else self.signed.archive(archive)

    def _rule(self, old, new):
        assert old in RULE
        return bundle(self.version, verdict="block", rule=RULE.replace(old, new))

    # What happens on the way ----------------------------------------------------------------------------------------

    def flipped_archive(self, source):
        """One bit of the archive."""
        return _flipped(self.signed.archive(self.files), source, _GZIP_HEADER)

    def flipped_file(self, source):
        """One bit of a file, packed anew."""
        path = source.choice(sorted(self.files))
        return pack({**self.files, path: _flipped(self.files[path], source, 0), ENVELOPE: self._envelope()})

    def flipped_signature(self, source):
        """One bit of the signature."""
        envelope = self.signed.envelope(self.files)
        one = envelope.signatures[0]
        broken = msgspec.structs.replace(one, value=_flipped(one.value, source, 0))
        return self.signed.archive(self.files, Envelope(envelope.contents, (broken,)))

    def cut_off(self, source):
        """Half-written."""
        archive = self.signed.archive(self.files)
        return archive[: source.randrange(len(archive))]

    def file_missing(self, source):
        """One file less than was signed."""
        gone = source.choice(sorted(self.files))
        kept = {path: data for path, data in self.files.items() if path != gone}
        return pack({**kept, ENVELOPE: self._envelope()})

    def file_added(self, source):
        """One file more than was signed."""
        return pack(
            {**self.files, f"injection/extra-{source.randrange(99)}.yaml": b"x: 1\n", ENVELOPE: self._envelope()}
        )

    # Who sends it ---------------------------------------------------------------------------------------------------

    def stripped_signature(self, source):
        """No envelope at all."""
        return pack(self.files)

    def empty_signing_block(self, source):
        """An envelope without signatures."""
        return self.signed.archive(self.files, Envelope(describe(self.files)))

    def unknown_key(self, source):
        """Signed by somebody else."""
        return self.signed.archive(self.files, sign(Envelope(describe(self.files)), self.stranger))

    def borrowed_key_id(self, source):
        """Signed by somebody else under our key's id."""
        envelope = sign(Envelope(describe(self.files)), self.stranger)
        lie = msgspec.structs.replace(envelope.signatures[0], key_id=self.signed.signer.key_id)
        return self.signed.archive(self.files, Envelope(envelope.contents, (lie,)))

    def broken_envelope(self, source):
        """An envelope that is none: never taken for an absent one."""
        return pack({**self.files, ENVELOPE: source.choice([b"", b"{", b"[]", b"{}", b"null"])})

    # When -----------------------------------------------------------------------------------------------------------

    def older_version(self, source):
        """A replay of what was published before, well signed."""
        return bundle(f"0.{source.randrange(9)}.{source.randrange(9)}", verdict="flag")

    def same_version(self, source):
        """The version in force with other contents."""
        return bundle(self.in_force, verdict="flag", rule=RULE.replace("title: A sample", f"title: {source.random()}"))

    def expired(self, source):
        """Well signed, long ago."""
        return self.signed.archive(self.files, self.signed.envelope(self.files, expires=1000.0 + source.random()))

    def for_a_newer_sidecar(self, source):
        """Needs what is not here."""
        manifest = self.files["bundle.yaml"].replace(b"min_sidecar_version: 0.1.0", b"min_sidecar_version: 99.0.0")
        return {**self.files, "bundle.yaml": manifest}

    def version_without_end(self, source):
        """A number that Python refuses to read."""
        return pack(bundle(f"1.0.{'9' * 5000}"))

    # What it does to who unpacks it ---------------------------------------------------------------------------------

    def archive_bomb(self, source):
        """Small here, huge there."""
        return gzip.compress(bytes(BYTES_LIMIT + 1 + source.randrange(1000)), 1)

    def path_traversal(self, source):
        """A name that leads out."""
        return _tar(
            tarfile.TarInfo(source.choice(["../x.yaml", "/etc/x.yaml", "injection/../../x.yaml", "a\\..\\x.yaml"]))
        )

    def link(self, source):
        """A link instead of a file."""
        member = tarfile.TarInfo("injection/injection-sample.yaml")
        member.type, member.linkname = source.choice([tarfile.SYMTYPE, tarfile.LNKTYPE]), "/etc/passwd"
        return _tar(member)

    def same_name_twice(self, source):
        """Which one counts?"""
        return _tar(tarfile.TarInfo("bundle.yaml"), tarfile.TarInfo("./bundle.yaml"))

    def too_many_members(self, source):
        """More than anybody writes."""
        return _tar(*(tarfile.TarInfo(f"a/{number}") for number in range(MEMBERS_LIMIT + 2)))

    # What is in it, well signed -------------------------------------------------------------------------------------

    def nul_rule(self, source):
        """A NUL truncates what Hyperscan compiles."""
        return self._rule("[sesame]", source.choice(['["ses\\0ame", sesame]', '["\\0sesame"]']))

    def catastrophic_rule(self, source):
        """A regex that backtracks without end."""
        evil = source.choice(
            [r"(?:o{1,9}){1,9}p{1,9}en\s{1,9}", r"(?:[a-z]{1,40}[a-z]{1,40}){1,40}\s", r"open(\s{1,9}){1,30}"]
        )
        return self._rule(r"open\s{1,9}", evil)

    def boundless_rule(self, source):
        """A gap without end."""
        return self._rule(r"\s{1,9}", source.choice([r"\s+", ".*", r"[\s\S]*", r"\s{1,}"]))

    def huge_rule(self, source):
        """A match wider than anything is held back for."""
        return self._rule(r"\s{1,9}", f".{{0,{source.randrange(9000, 90000)}}}")

    def huge_repeat(self, source):
        """More repetitions than anything compiles."""
        return self._rule(r"\s{1,9}", f"(?:ab|c{{1,{source.randrange(200, 900)}}}){{1,{source.randrange(2000, 9000)}}}")

    def flooding_rule(self, source):
        """Matches everywhere."""
        return self._rule("      regex: 'open\\s{1,9}sesame'", "      regex: '.'").copy()

    def fails_its_example(self, source):
        """Does not find what it says it finds."""
        return self._rule("please open sesame", source.choice(["sesame, please", "no such word", "open"]))

    def cries_wolf(self, source):
        """Finds what it says it leaves alone."""
        return self._rule("sesame seeds", "open sesame")

    def two_faults(self, source):
        """Both are told."""
        return {**self._rule("Detects", "Finds"), "other/other-sample.yaml": RULE.encode()}

    def unknown_key_in_a_rule(self, source):
        """A word that nobody reads."""
        return self._rule("severity: low", "severity: low\nenabled: true")

    def no_yaml(self, source):
        """Text that is no document."""
        harm = source.choice([b"\xff\xfe", b"[", b"- x", b"a: *b", b"a: &b [*b]", b"id: 1\nid: 2", b""])
        return {**self.files, RULE_FILE: harm}

    def empty_family(self, source):
        """A family without a rule."""
        return {path: data for path, data in self.files.items() if path != RULE_FILE}

    def bad_manifest(self, source):
        """Without it there is nothing."""
        return self.signed.archive(
            {**self.files, "bundle.yaml": source.choice([b"", b"x: 1", b"schema: 2"])}, self.signed.envelope(self.files)
        )

    def _envelope(self):
        return msgspec.json.encode(self.signed.envelope(self.files))


KINDS = sorted(name for name in vars(Maker) if not name.startswith("_") and name != "make")


def _flipped(data, source, start):
    place = source.randrange(start, len(data))
    changed = bytearray(data)
    changed[place] ^= 1 << source.randrange(8)
    return bytes(changed)


def _tar(*members):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for member in members:
            archive.addfile(member)
    return gzip.compress(packed.getvalue())
