import queue
import threading

LOCK = threading.Lock()
TASKS = queue.Queue()
DONE = []


def worker():
    while True:
        n = TASKS.get()
        if n is None:
            return
        text = "".join(str(i) for i in range(n))
        with LOCK:
            DONE.append(len(text))


threads = [threading.Thread(target=worker) for _ in range(3)]
for t in threads:
    t.start()
for n in range(60):
    TASKS.put(n)
for _ in threads:
    TASKS.put(None)
for t in threads:
    t.join()
assert len(DONE) == 60
print(sum(DONE))
