/* What the page has more of with scripts: copying, unfolding, a filter, values of charts. */
'use strict';
(function () {
  const find = (root, what) => Array.from(root.querySelectorAll(what));
  const make = (name, words, parent) => {
    const made = document.createElement(name);
    made.textContent = words;
    parent.append(made);
    return made;
  };
  const draw = (svg, name, what) => {
    const made = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const key of Object.keys(what)) made.setAttribute(key, what[key]);
    svg.append(made);
    return made;
  };

  /* Copying. Where the clipboard is refused the line is selected and copied the old way. */
  const select = (node) => {
    const range = document.createRange();
    range.selectNodeContents(node);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
  };
  const copy = async (button) => {
    const line = document.getElementById(button.dataset.copy);
    let done = true;
    try {
      await navigator.clipboard.writeText(line.textContent);
    } catch (refused) {
      select(line);
      done = document.execCommand('copy');
    }
    button.textContent = done ? 'Copied' : 'Press Ctrl+C';
    setTimeout(() => { button.textContent = 'Copy'; }, 2500);
  };
  find(document, '.copy').forEach((button) => {
    button.hidden = false;
    button.setAttribute('aria-live', 'polite');
    button.addEventListener('click', () => copy(button));
  });

  /* A link leads into a fold: open it, and let the keyboard go on from there. */
  const reveal = () => {
    const aim = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (!aim) return;
    for (let at = aim; at; at = at.parentElement) if (at.tagName === 'DETAILS') at.open = true;
    aim.scrollIntoView();
    if (aim.tabIndex === -1) aim.focus({ preventScroll: true });
  };
  addEventListener('hashchange', reveal);
  reveal();
  addEventListener('beforeprint', () => {
    if (find(document, '.finding').length <= 50)
      find(document, '.finding details').forEach((fold) => { fold.open = true; });
  });

  /* The map: arrows walk from field to field. */
  find(document, '.heat').forEach((table) => table.addEventListener('keydown', (event) => {
    const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
    const field = event.target.closest('td');
    if (!step || !field) return;
    let row = field.parentElement.rowIndex + step[0], column = field.cellIndex + step[1];
    while (table.rows[row] && table.rows[row].cells[column]) {
      const link = table.rows[row].cells[column].querySelector('a');
      if (link) {
        link.focus();
        event.preventDefault();
        return;
      }
      row += step[0];
      column += step[1];
    }
  }));

  /* A filter over many findings. */
  const articles = find(document, '.finding');
  const heading = document.getElementById('findings');
  if (articles.length > 5 && heading) {
    const label = document.createElement('label');
    label.className = 'filter';
    label.textContent = 'Only findings with ';
    const field = document.createElement('input');
    field.type = 'search';
    label.append(field);
    const said = make('span', '', label);
    said.setAttribute('role', 'status');
    heading.after(label);
    field.addEventListener('input', () => {
      const wanted = field.value.toLowerCase();
      let left = 0;
      articles.forEach((article) => {
        article.hidden = wanted !== '' && !article.textContent.toLowerCase().includes(wanted);
        left += article.hidden ? 0 : 1;
      });
      said.textContent = wanted === '' ? '' : ' ' + left + ' of ' + articles.length;
    });
  }

  /* Charts of leaks: the value under the pointer or the arrow keys; a drag looks closer. */
  const number = (value) => value.toLocaleString('en');
  const chart = (figure) => {
    const svg = figure.querySelector('svg');
    const data = JSON.parse(figure.querySelector('script').textContent);
    const [left, top, right, bottom] = svg.dataset.box.split(' ').map(Number);
    const all = data.value.length, still = find(svg, ':scope > *');
    const line = draw(svg, 'path', { class: 'line' }), cursor = draw(svg, 'path', { class: 'cursor' });
    const pick = draw(svg, 'rect', { class: 'pick', y: top, height: bottom - top, width: 0 });
    const words = document.createElement('p');
    words.className = 'value';
    figure.append(words);
    const said = make('span', 'Point at the chart, or use the arrow keys; drag to look closer.', words);
    said.setAttribute('role', 'status');
    const whole = make('button', 'Whole series', words);
    whole.type = 'button';
    whole.hidden = true;
    let from = 0, to = all - 1, at = to, begun = null;
    const x = (i) => left + (i - from) / Math.max(to - from, 1) * (right - left);
    const index = (event) => {
      const box = svg.getBoundingClientRect();
      const place = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width;
      const i = Math.round(from + (place - left) / (right - left) * (to - from));
      return Math.min(Math.max(i, from), to);
    };
    const say = (i) => {
      at = i;
      cursor.setAttribute('d', 'M' + x(i) + ' ' + top + 'V' + bottom);
      const step = i > 0 && data.step === 1 ? data.value[i] - data.value[i - 1] : null;
      said.textContent = 'lap ' + number(data.first + i * data.step) + ': ' + number(data.value[i]) +
        (step === null ? '' : ' (' + (step > 0 ? '+' : '') + number(step) + ')');
    };
    const look = (first, last) => {
      from = first;
      to = last;
      const near = from > 0 || to < all - 1;
      still.forEach((part) => { part.style.display = near && part.tagName !== 'title' ? 'none' : ''; });
      line.setAttribute('d', '');
      find(svg, '.near').forEach((part) => part.remove());
      whole.hidden = !near;
      if (!near) return;
      const part = data.value.slice(from, to + 1);
      const low = Math.min(...part), high = Math.max(...part);
      const y = (value) => bottom - (high > low ? (value - low) / (high - low) : .5) * (bottom - top);
      line.setAttribute('d', part.map((value, i) => (i ? 'L' : 'M') + x(from + i) + ' ' + y(value)).join(''));
      draw(svg, 'path', { class: 'axis near', d: 'M' + left + ' ' + top + 'V' + bottom + 'H' + right });
      draw(svg, 'text', { class: 'end near', x: left - 6, y: bottom + 4 }).textContent = low;
      if (high > low) draw(svg, 'text', { class: 'end near', x: left - 6, y: top + 4 }).textContent = high;
      draw(svg, 'text', { class: 'near', x: left, y: bottom + 18 }).textContent = 'lap ' + number(data.first + from * data.step);
      draw(svg, 'text', { class: 'end near', x: right, y: bottom + 18 }).textContent = number(data.first + to * data.step);
    };
    svg.tabIndex = 0;
    svg.addEventListener('pointermove', (event) => {
      const i = index(event);
      say(i);
      if (begun === null) return;
      pick.setAttribute('x', Math.min(x(begun), x(i)));
      pick.setAttribute('width', Math.abs(x(i) - x(begun)));
    });
    svg.addEventListener('pointerdown', (event) => { begun = index(event); });
    addEventListener('pointerup', (event) => {
      if (begun === null) return;
      const end = index(event), first = Math.min(begun, end), last = Math.max(begun, end);
      begun = null;
      pick.setAttribute('width', 0);
      if (last - first >= 3) look(first, last);
    });
    svg.addEventListener('keydown', (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1, PageUp: 20, PageDown: -20 }[event.key];
      if (event.key === 'Escape') look(0, all - 1);
      if (!step) return;
      say(Math.min(Math.max(at + step, from), to));
      event.preventDefault();
    });
    whole.addEventListener('click', () => look(0, all - 1));
  };
  find(document, '.chart').forEach(chart);
})();
