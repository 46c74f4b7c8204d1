'use strict';
(() => {
  const all = (root, selector) => [...root.querySelectorAll(selector)];

  // Tables: a click on a column's name sorts the rows of the body.
  for (const table of all(document, 'table.sortable')) {
    const heads = all(table, 'thead th');
    heads.forEach((head, place) => {
      head.querySelector('button').addEventListener('click', () => {
        const up = head.getAttribute('aria-sort') === 'descending' ||
          (place === 0 && !head.hasAttribute('aria-sort'));
        heads.forEach(other => other.removeAttribute('aria-sort'));
        head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
        const rows = all(table, 'tbody tr');
        const key = row => row.children[place].dataset.value;
        rows.sort((a, b) => {
          const [x, y] = [key(a), key(b)];
          if (x === '' || y === '') return (x === '') - (y === '');
          const order = isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y;
          return up ? order : -order;
        });
        table.tBodies[0].append(...rows);
      });
    });
  }

  // Tabs: one metric's table at a time.
  const tabs = all(document, '.tabs button');
  const tables = all(document, '.metric');
  const choose = place => tables.forEach((table, i) => {
    table.hidden = i !== place;
    tabs[i].setAttribute('aria-pressed', i === place);
  });
  tabs.forEach((tab, i) => tab.addEventListener('click', () => choose(i)));
  if (tabs.length > 1) {
    document.querySelector('.tabs').hidden = false;
    choose(0);
  }

  // Each video: two of its pictures under a divider, or in turn.
  for (const video of all(document, '.video')) {
    const panels = all(video, 'figure');
    const viewer = video.querySelector('.viewer');
    const stage = video.querySelector('.stage');
    const slider = video.querySelector('.stage input');
    const [left, right] = all(video, 'select');
    const flip = video.querySelector('.flip-now');
    let mode = 'slide', view = 'whole';

    const show = () => {
      const sides = [['left', left, '.tag.l'], ['under', right, '.tag.r']];
      for (const [name, select, tag] of sides) {
        const panel = panels[select.value];
        const image = stage.querySelector('img.' + name);
        image.src = panel.querySelector('.' + view + ' img').src;
        image.classList.toggle('lr', panel.classList.contains('lr'));
        image.alt = panel.dataset.title;
        stage.querySelector(tag).textContent = panel.dataset.label;
      }
      const box = view === 'whole' ? video.dataset.whole : video.dataset.detail;
      stage.style.aspectRatio = box;
      stage.classList.toggle('detail', view === 'detail');
      stage.classList.toggle('flip', mode === 'flip');
      slider.hidden = mode === 'flip';
      flip.hidden = mode !== 'flip';
      const on = stage.classList.contains('right') ? right : left;
      flip.textContent = 'Flip (showing ' +
        panels[on.value].dataset.title + ')';
    };
    const press = (kind, value) => all(video, '[data-' + kind + ']').forEach(
      b => b.setAttribute('aria-pressed', b.dataset[kind] === value));
    const turn = () => { stage.classList.toggle('right'); show(); };

    for (const select of [left, right]) select.addEventListener('change', show);
    slider.addEventListener('input', () =>
      stage.style.setProperty('--at', slider.value + '%'));
    flip.addEventListener('click', turn);
    stage.addEventListener('click', () => { if (mode === 'flip') turn(); });
    video.querySelector('.swap').addEventListener('click', () => {
      [left.value, right.value] = [right.value, left.value];
      show();
    });
    for (const button of all(video, '[data-mode]')) {
      button.addEventListener('click', () => {
        mode = button.dataset.mode; press('mode', mode); show();
      });
    }
    for (const button of all(video, '[data-view]')) {
      button.addEventListener('click', () => {
        view = button.dataset.view; press('view', view); show();
      });
    }
    press('mode', mode);
    press('view', view);
    viewer.hidden = false;
    show();
  }
})();
