// How probable each class is, in the order of the classes.
export default {
  template: `
    <table class="bars">
      <caption class="unseen">{{ caption }}</caption>
      <tr v-for="row in rows" :key="row.name" :class="{ best: row.best }">
        <th scope="row">{{ row.name }}</th>
        <td aria-hidden="true">
          <div class="track"><span :style="{ width: row.percent + '%', background: row.colour }"></span></div>
        </td>
        <td class="number">{{ row.words }}</td>
      </tr>
    </table>
  `,
  props: { caption: String, rows: Array },
};
