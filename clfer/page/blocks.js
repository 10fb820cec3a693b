// The face and the map of each block over it: small ones to choose from, the chosen one large.
export default {
  template: `
    <div class="blocks">
      <img class="large" :src="shown.src" :alt="shown.alt" width="256" height="256" />
      <fieldset>
        <legend class="unseen">Which map is shown</legend>
        <label v-for="(one, j) in maps" :key="j" :class="{ chosen: j === place }">
          <input type="radio" name="block" class="unseen" :checked="j === place" @change="chosen = j" />
          <img :src="one.src" alt="" width="40" height="40" />
          <span class="name">{{ one.name }}<small>{{ one.grid }}</small></span>
          <template v-if="one.mu !== null">
            <span class="track" aria-hidden="true"><span :style="{ width: 100 * one.mu + '%' }"></span></span>
            <span class="number">μ {{ one.mu.toFixed(2) }}</span>
          </template>
        </label>
      </fieldset>
    </div>
  `,
  props: { maps: Array },
  data() {
    return { chosen: null };
  },
  computed: {
    place() {
      return Math.min(this.chosen ?? this.maps.length - 1, this.maps.length - 1);
    },
    shown() {
      return this.maps[this.place];
    },
  },
};
