"""What settles is offered; what cannot be read is told, and watching goes on."""

from sidecar.delivery.watcher import Watcher
from sidecar.errors import BundleError
from tests.delivery.parts import Bench, bundle, until


class Scripted:
    """A source that answers what it was given, in order, then nothing."""

    def __init__(self, *answers):
        self.answers = list(answers)

    async def fetch(self):
        answer = self.answers.pop(0) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_only_the_last_of_a_storm_of_changes_is_taken(tmp_path):
    """While files still arrive nothing is built; then the newest is."""
    bench = Bench(tmp_path)
    storm = [bench.offer(bundle(f"1.{number}.0")) for number in range(1, 4)]
    watcher = Watcher(bench.keeper, [Scripted(*storm)], every=0.01, debounce=0.01, refused=print)
    watcher.start()
    await until(lambda: bench.listener.reports)
    await watcher.stop()

    assert bench.listener.reports == [("activated", "1.3.0")]


async def test_watching_goes_on_after_a_fault(tmp_path):
    """A source that fails is told of, and asked again."""
    bench, refused = Bench(tmp_path), []
    source = Scripted(BundleError("x:1: broken"), bench.offer(bundle("1.1.0")))
    watcher = Watcher(bench.keeper, [source], every=0.01, debounce=0.01, refused=refused.append)
    watcher.start()
    await until(lambda: bench.version == "1.1.0")
    await watcher.stop()

    assert [str(error) for error in refused] == ["x:1: broken"]


async def test_the_store_is_followed(tmp_path):
    """Another worker's activation arrives by itself."""
    one, two = Bench(tmp_path), Bench(tmp_path)
    watcher = Watcher(two.keeper, [], every=1, follow=0.01, refused=print)
    watcher.start()
    await one.keeper.take(one.offer(bundle("1.1.0")))
    await until(lambda: two.version == "1.1.0")
    await watcher.stop()
