"""fovea and a peer measured in turns: what the benches in Python share."""
import os
import statistics
import subprocess


class Fovea:
    """A bench program that answers lines on stdin with its milliseconds, of
    the clock and of all threads together."""

    def __init__(self, program, options):
        command = [program, "--ask"]
        for name, value in options.items():
            command += ["--" + name, str(value)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.parameters = int(self.process.stdout.readline().split()[0])

    def __call__(self, what):
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return tuple(map(float, self.process.stdout.readline().split()))


def set_threads(torch, threads, cpu):
    """Before either side starts. Waiting threads would count with `cpu`."""
    torch.set_num_threads(threads)
    os.environ["OMP_NUM_THREADS"] = str(threads)
    if cpu:
        os.environ["OMP_WAIT_POLICY"] = "passive"


def compare(sides, what, repeats, cpu):
    """Medians in ms by name, and the sorted ratios torch / fovea."""
    times = {name: [] for name in sides}
    for name in sides:
        sides[name](what)
    for _ in range(repeats):
        for name in sides:
            times[name].append(sides[name](what)[1 if cpu else 0])
    middle = {name: statistics.median(t) for name, t in times.items()}
    ratios = sorted(b / a if a else 0
                    for a, b in zip(times["fovea"], times["torch"]))
    return middle, ratios


def show_sides(sides, torch, threads, cpu):
    for name, side in sides.items():
        print(f"# {name}: {side.parameters} parameters")
    print(f"# torch {torch.__version__}, {threads} threads, "
          f"{'time of all threads' if cpu else 'time of the clock'}")
