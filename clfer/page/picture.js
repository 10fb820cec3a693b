// A picture with a box around each face; one is chosen by a click, or with arrow keys like a radio button.
export default {
  template: `
    <div class="picture">
      <img v-if="src" :src="src" :width="width" :height="height" :alt="alt" />
      <fieldset v-if="faces.length">
        <legend class="unseen">Faces, from left to right</legend>
        <label v-for="(face, i) in faces" :key="i" class="face" :class="{ chosen: i === chosen, low: face.top < 8, far: face.left > 60 }" :style="place(face)">
          <input type="radio" name="face" :checked="i === chosen" :aria-label="'Face ' + (i + 1) + ': ' + face.words" @change="$emit('choose', i)" />
          <span class="tag" aria-hidden="true">{{ face.words }}</span>
        </label>
      </fieldset>
    </div>
  `,
  props: { src: String, alt: String, width: Number, height: Number, faces: Array, chosen: Number },
  methods: {
    place(face) {
      const share = (value) => value + "%";
      return {
        left: share(face.left),
        top: share(face.top),
        width: share(face.width),
        height: share(face.height),
        "--colour": face.colour,
        "--letters": face.letters,
      };
    },
  },
};
