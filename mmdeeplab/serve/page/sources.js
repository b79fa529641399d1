// Where pictures come from: a file, a drop, the clipboard, the camera.

/** Call `take(file)` for every picture; `refuse(sentence)` for a drop or a paste without one. */
export function listenForPictures(take, refuse) {
  const input = document.getElementById('file');
  document.getElementById('choose').addEventListener('click', () => input.click());
  input.addEventListener('change', () => {
    if (input.files.length) take(input.files[0]);
    input.value = '';
  });
  listenForDrops(take, refuse);
  addEventListener('paste', (event) => {
    const [file] = event.clipboardData.files;
    if (file) take(file);
    else refuse('there is no picture in the clipboard');
  });
  listenForCamera(take);
}

function listenForDrops(take, refuse) {
  let depth = 0;
  const mark = (change) => {
    depth = Math.max(depth + change, 0);
    document.body.classList.toggle('dragging', depth > 0);
  };
  addEventListener('dragenter', () => mark(1));
  addEventListener('dragleave', () => mark(-1));
  addEventListener('dragover', (event) => event.preventDefault());
  addEventListener('drop', (event) => {
    event.preventDefault();
    mark(-depth);
    const [file] = event.dataTransfer.files;
    if (file) take(file);
    else refuse('drop the file of a picture, not a link');
  });
}

function listenForCamera(take) {
  const button = document.getElementById('use-camera');
  // Browsers give the camera to pages of this machine and to https only.
  if (!navigator.mediaDevices?.getUserMedia) return;
  button.hidden = false;
  const dialog = document.getElementById('camera');
  const video = dialog.querySelector('video');
  const fault = dialog.querySelector('.fault');
  const shutter = document.getElementById('camera-take');
  let stream = null;
  button.addEventListener('click', async () => {
    fault.hidden = true;
    shutter.disabled = false;
    dialog.showModal();
    try {
      const found = await navigator.mediaDevices.getUserMedia({
        video: { facingMode: 'environment', width: { ideal: 1280 } },
      });
      if (!dialog.open) return stop(found);
      video.srcObject = stream = found;
    } catch (error) {
      fault.textContent = `The camera cannot be used: ${error.message || error.name}.`;
      fault.hidden = false;
      shutter.disabled = true;
    }
  });
  dialog.addEventListener('close', () => {
    stop(stream);
    video.srcObject = stream = null;
  });
  document.getElementById('camera-cancel').addEventListener('click', () => dialog.close());
  shutter.addEventListener('click', async () => {
    if (!video.videoWidth) return;
    const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
    canvas.getContext('2d').drawImage(video, 0, 0);
    const blob = await canvas.convertToBlob({ type: 'image/jpeg', quality: 0.95 });
    dialog.close();
    take(new File([blob], 'camera.jpg', { type: 'image/jpeg' }));
  });
}

function stop(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}
